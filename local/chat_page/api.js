// A chat page's requests to Supabase and to the function public-chatbot-chat, with only the publishable key.
// Nothing here changes the page; every failure becomes a ChatProblem, whose message can be shown to a visitor.

const PATIENCE_MS = 15_000
// A streamed answer may take the function 120 s.
const ANSWER_PATIENCE_MS = 130_000
const UNREACHABLE = 'No connection to the chat. Check your internet connection and try again.'

export class ChatProblem extends Error {
  constructor(sentence, status = 0, code = 'unreachable') {
    super(sentence)
    this.status = status
    this.code = code
  }
}

export class ChatApi {
  constructor(url, publishableKey) {
    this.url = url
    // The key is sent only as `apikey`: it is not a token.
    this.headers = { apikey: publishableKey, 'content-type': 'application/json' }
  }

  // The id of the workspace's owner, null where no active chatbot has this slug.
  async ownerOf(slug) {
    const reply = await this.post('/rest/v1/rpc/get_user_from_chatbot_id', { p_chatbot_id: slug })
    return reply.json()
  }

  async settingsOf(ownerId) {
    const rows = await this.read('chatbot_settings', `select=display_name,greeting_message&user_id=eq.${ownerId}`)
    return rows[0] ?? {}
  }

  async newSession(ownerId, slug) {
    const session = { user_id: ownerId, session_slug: `${slug}_${Date.now()}`, chatbot_id: slug, channel: 'web' }
    const reply = await this.post('/rest/v1/public_chat_sessions', session, { prefer: 'return=representation' })
    const rows = await reply.json()
    return rows[0]
  }

  // Visitors may store one message that is not theirs: the greeting, exactly as it is configured.
  async storeGreeting(sessionId, greeting) {
    await this.post('/rest/v1/public_chat_messages', { session_id: sessionId, sender: 'ai', message: greeting })
  }

  // The session, or null: visitors cannot read rows that are more than a day old.
  async session(sessionId) {
    const rows = await this.read('public_chat_sessions', `select=*&id=eq.${sessionId}`)
    return rows[0] ?? null
  }

  async messages(sessionId) {
    return this.read('public_chat_messages', `select=*&session_id=eq.${sessionId}&order=created_at`)
  }

  // Sends a visitor's message and yields the events of the answer as they arrive: meta, delta …, done or error.
  // With the idempotency key it is safe to send the same message again if it is unknown whether it arrived.
  async *answer({ sessionId, ownerId, message, idempotencyKey }) {
    const body = { sessionId, userId: ownerId, message, stream: true }
    const headers = { accept: 'text/event-stream', 'idempotency-key': idempotencyKey }
    const reply = await this.post('/functions/v1/public-chatbot-chat', body, headers, ANSWER_PATIENCE_MS)
    try {
      yield* events(reply.body)
    } catch {
      throw new ChatProblem(UNREACHABLE)
    }
  }

  async read(table, query) {
    const reply = await this.request(`/rest/v1/${table}?${query}`, { headers: this.headers }, PATIENCE_MS)
    return reply.json()
  }

  post(path, body, headers = {}, patienceMs = PATIENCE_MS) {
    const request = { method: 'POST', headers: { ...this.headers, ...headers }, body: JSON.stringify(body) }
    return this.request(path, request, patienceMs)
  }

  async request(path, request, patienceMs) {
    let reply
    try {
      reply = await fetch(this.url + path, { ...request, signal: AbortSignal.timeout(patienceMs) })
    } catch {
      throw new ChatProblem(UNREACHABLE)
    }
    if (!reply.ok) throw await problemOf(reply)
    return reply
  }
}

// The functions' errors have a readable message and a stable code; a gateway's own errors may not.
async function problemOf(reply) {
  const body = await reply.json().catch(() => ({}))
  const sentence = typeof body.error === 'string' ? body.error : 'The chat is not available right now. Try again later.'
  return new ChatProblem(sentence, reply.status, body.code ?? 'unknown')
}

// Server-sent events: blocks that end with an empty line, each with one JSON object after `data:`. A network chunk may end
// anywhere, also within a character, so the rest is kept for the next chunk.
export async function* events(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader()
  let waiting = ''
  try {
    for (;;) {
      const { value, done } = await reader.read()
      if (done) return
      const blocks = (waiting + value).split('\n\n')
      waiting = blocks.pop()
      for (const block of blocks) {
        if (block.startsWith('data: ')) yield JSON.parse(block.slice('data: '.length))
      }
    }
  } finally {
    await reader.cancel().catch(() => {})
  }
}
