// The public chat page of a workspace, /chat/<slug>: what a widget must do, and nothing more.
//
//   1. slug -> owner                       rpc get_user_from_chatbot_id
//   2. owner -> name and greeting          chatbot_settings
//   3. the session, stored or new          public_chat_sessions; only its id is stored in the browser
//   4. the messages so far                 public_chat_messages, the only source of the conversation
//   5. each message                        public-chatbot-chat, which stores it and its answer

import { ChatApi } from './api.js'
import { View } from './view.js'

const POLL_MS = 5_000
const DEFAULT_GREETING = 'Hi! How can I help you today?'
// The function answers in sessions with these statuses; an archived session has ended.
const OPEN = ['active', 'converted', 'human_takeover']

class Chat {
  constructor(api, view, slug) {
    this.api = api
    this.view = view
    this.slug = slug
    this.unsent = null
  }

  async start() {
    this.ownerId = await this.api.ownerOf(this.slug)
    if (!this.ownerId) return this.view.tell('There is no chat at this address.')
    const settings = await this.api.settingsOf(this.ownerId)
    this.greeting = settings.greeting_message || DEFAULT_GREETING
    this.view.introduce(settings.display_name || 'Assistant')
    await this.enterSession()
    await this.refresh()
    this.view.open()
    this.view.onSubmit((text) => this.say(text))
    // An owner who takes over writes rows, and so does another tab.
    setInterval(() => this.poll(), POLL_MS)
  }

  // Two tabs that open at once use one session: the second waits, and finds the id that the first has stored.
  async enterSession() {
    this.sessionId = await navigator.locks.request(keyOf(this.slug), () => this.findSession())
  }

  async findSession() {
    const known = recall(this.slug)
    const session = known && (await this.api.session(known))
    if (session && session.user_id === this.ownerId && OPEN.includes(session.status)) return session.id
    const { id } = await this.api.newSession(this.ownerId, this.slug)
    await this.api.storeGreeting(id, this.greeting)
    remember(this.slug, id)
    return id
  }

  async refresh() {
    this.view.show(await this.api.messages(this.sessionId))
  }

  async poll() {
    if (document.hidden || this.view.isBusy) return
    // The next poll reads them.
    await this.refresh().catch(() => {})
  }

  async say(text) {
    const { view } = this
    view.tell('')
    const bubble = view.takeWords()
    view.isBusy = true
    try {
      await this.receive(text)
      this.unsent = null
    } catch (problem) {
      view.giveBack(bubble)
      view.tell(problem.message)
      if (problem.code === 'session_not_found') await this.startAnew()
    } finally {
      view.isBusy = false
      // Whatever the stream has shown, the rows are the conversation.
      await this.refresh().catch(() => {})
    }
  }

  // The owner has closed the conversation: the text that was given back can be sent in a new one.
  async startAnew() {
    this.unsent = null
    await this.enterSession().then(
      () => this.view.tell('This conversation was closed. Press Send again to begin another one.'),
      (problem) => this.view.tell(problem.message),
    )
  }

  // Shows the answer as it arrives. An incomplete answer is removed: the function has stored a fallback answer in its place.
  async receive(text) {
    let bubble = null
    let said = ''
    const show = (words) => {
      bubble ??= this.view.add('ai', '')
      this.view.setText(bubble, words)
    }
    for await (const event of this.api.answer(this.request(text))) {
      if (event.type === 'delta') show((said += event.text))
      // The whole answer, as it was stored; empty after a takeover.
      if (event.type === 'done' && event.response) return show(event.response)
      if (event.type === 'done') return bubble?.remove()
      if (event.type === 'error') break
    }
    bubble?.remove()
  }

  // The same text sent again after a failure is the same request: it is neither answered nor charged twice.
  request(text) {
    if (this.unsent?.message !== text) {
      this.unsent = { sessionId: this.sessionId, ownerId: this.ownerId, message: text, idempotencyKey: crypto.randomUUID() }
    }
    return this.unsent
  }
}

// An address that cannot be decoded has no chat.
function slugOf(path) {
  try {
    return decodeURIComponent(path.split('/')[2])
  } catch {
    return ''
  }
}

function keyOf(slug) {
  return `nexscout-chat:${slug}`
}

// A browser may forbid storage; the chat then works until the page is closed.
function recall(slug) {
  try {
    return localStorage.getItem(keyOf(slug))
  } catch {
    return null
  }
}

function remember(slug, sessionId) {
  try {
    localStorage.setItem(keyOf(slug), sessionId)
  } catch {
    // Only the way back to this conversation is lost.
  }
}

const key = document.querySelector('meta[name="publishable-key"]').content
const view = new View(document)
new Chat(new ChatApi(location.origin, key), view, slugOf(location.pathname)).start().catch((problem) => view.tell(problem.message))
