// What the visitor sees. Every text from outside is set as text, never as markup: an answer, a name and the visitor's own message
// could all contain a script. The page's policy enforces the same.

const SPEAKERS = { visitor: 'You', ai: 'Assistant' }
const NEAR_PX = 80

export class View {
  constructor(document) {
    const part = (id) => document.getElementById(id)
    this.document = document
    this.log = part('log')
    this.messages = part('messages')
    this.typing = part('typing')
    this.problem = part('problem')
    this.words = part('words')
    this.send = part('send')
    this.form = part('composer')
    this.name = SPEAKERS.ai
  }

  // Calls `submit(text)` when the visitor sends something that is not blank.
  onSubmit(submit) {
    this.form.addEventListener('submit', (event) => {
      event.preventDefault()
      const text = this.words.value.trim()
      if (text && !this.isBusy) submit(text)
    })
    this.words.addEventListener('keydown', (event) => {
      // While a word is being composed (Japanese, some phone keyboards) the keyboard uses Enter.
      if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return
      event.preventDefault()
      this.form.requestSubmit()
    })
  }

  introduce(name) {
    this.name = name
    this.document.title = `Chat with ${name}`
    this.document.getElementById('name').textContent = name
  }

  open() {
    this.words.disabled = false
    this.isBusy = false
    this.words.focus()
  }

  // The text field stays usable during an answer, so that the next message can be written.
  get isBusy() {
    return this.send.getAttribute('aria-disabled') === 'true'
  }

  set isBusy(busy) {
    this.send.setAttribute('aria-disabled', String(busy))
    this.log.setAttribute('aria-busy', String(busy))
    this.typing.textContent = busy ? `${this.name} is typing …` : ''
  }

  // The visitor's words are shown at once, before the database has them.
  takeWords() {
    const text = this.words.value.trim()
    this.words.value = ''
    return this.add('visitor', text)
  }

  // Puts text that was not sent back into the text field, unless new text is there.
  giveBack(bubble) {
    if (!this.words.value) this.words.value = textOf(bubble)
    bubble.remove()
  }

  add(sender, text) {
    const bubble = this.document.createElement('li')
    const speaker = this.document.createElement('span')
    const words = this.document.createElement('p')
    bubble.className = sender
    speaker.className = 'speaker'
    speaker.textContent = sender === 'visitor' ? SPEAKERS.visitor : this.name
    // Each message has its own writing direction, and cannot change that of its neighbours.
    words.dir = 'auto'
    words.textContent = text
    bubble.append(speaker, words)
    this.keepEndInView(() => this.messages.append(bubble), sender === 'visitor')
    return bubble
  }

  setText(bubble, text) {
    this.keepEndInView(() => (bubble.querySelector('p').textContent = text))
    this.typing.textContent = ''
  }

  // A visitor who has scrolled back stays there.
  keepEndInView(change, always = false) {
    const { log } = this
    const follows = always || log.scrollHeight - log.scrollTop - log.clientHeight < NEAR_PX
    change()
    if (follows) log.scrollTop = log.scrollHeight
  }

  // Updates the page to the rows of the database. A row is shown once: the visitor's own bubble becomes its row. If no message is being
  // sent, a bubble without a row is removed: a message that was sent twice is stored once.
  show(rows) {
    for (const row of rows) {
      const bubbles = [...this.messages.children]
      if (bubbles.some((bubble) => bubble.dataset.id === row.id)) continue
      const own = bubbles.find((bubble) => !bubble.dataset.id && bubble.className === row.sender && textOf(bubble) === row.message)
      const bubble = own ?? this.add(row.sender, row.message)
      bubble.dataset.id = row.id
    }
    if (!this.isBusy) this.messages.querySelectorAll('li:not([data-id])').forEach((bubble) => bubble.remove())
  }

  tell(problem) {
    this.problem.textContent = problem
  }
}

function textOf(bubble) {
  return bubble.querySelector('p').textContent
}
