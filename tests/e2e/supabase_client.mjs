// The web client's calls with the real supabase-js; prints one JSON object for each run.
// Usage: node supabase_client.mjs <scenario>, with SUPABASE_URL, SUPABASE_PUBLISHABLE_KEY, EMAIL and PASSWORD set.
import { createClient } from '@supabase/supabase-js'
import WebSocket from 'ws'

const { SUPABASE_URL, SUPABASE_PUBLISHABLE_KEY, EMAIL, PASSWORD } = process.env
// Node 20 has no WebSocket, and the client requires one.
const client = createClient(SUPABASE_URL, SUPABASE_PUBLISHABLE_KEY, {
  auth: { persistSession: false, autoRefreshToken: false },
  realtime: { transport: WebSocket },
})
const NAME = 'generate-ai-content'
const MESSAGE = { generationType: 'message', goal: 'introduce', prospectId: process.env.PROSPECT_ID }

async function signIn() {
  const { data, error } = await client.auth.signInWithPassword({ email: EMAIL, password: PASSWORD })
  if (error) throw error
  return data
}

async function described({ data, error }) {
  if (!error) return { data }
  const response = error.context instanceof Response ? error.context : null
  return {
    error: error.name,
    cause: response ? null : String(error.context?.name),
    status: response?.status ?? null,
    body: response ? await response.json() : null,
  }
}

const scenarios = {
  async signIn() {
    const { user, session } = await signIn()
    return { id: user.id, email: user.email, token: Boolean(session.access_token) }
  },
  async success() {
    await signIn()
    return described(await client.functions.invoke(NAME, { body: MESSAGE }))
  },
  async refused() {
    await signIn()
    return described(await client.functions.invoke(NAME, { body: { ...MESSAGE, generationType: 'poem' } }))
  },
  async assistant() {
    await signIn()
    const ask = async (body) => described(await client.functions.invoke('public-chatbot-chat', { body }))
    const first = await ask({ message: 'Sino ang uunahin ko?' })
    const { conversationId } = first.data
    const second = await ask({ message: 'Bakit siya?', conversationId })
    const turns = client.from('assistant_messages').select('role, content').eq('conversation_id', conversationId)
    const stored = await turns.order('created_at')
    const added = await client.from('assistant_messages').insert({ conversation_id: conversationId, role: 'user', content: 'x' })
    await client.from('assistant_conversations').delete().eq('id', conversationId)
    const deleted = await ask({ message: 'Nandiyan ka pa?', conversationId })
    return { first, second, stored: stored.data, added: Boolean(added.error), deleted }
  },
  async anonymous() {
    return described(await client.functions.invoke(NAME, { body: MESSAGE }))
  },
  async missing() {
    await signIn()
    return described(await client.functions.invoke('no-such-function', { body: {} }))
  },
  async aborted() {
    await signIn()
    const controller = new AbortController()
    const call = client.functions.invoke(NAME, { body: MESSAGE, signal: controller.signal })
    process.stdin.once('data', () => controller.abort())
    const result = await described(await call)
    process.stdin.destroy()
    return result
  },
  async flat() {
    const { session } = await signIn()
    const response = await fetch(`${SUPABASE_URL}/functions/v1/${NAME}`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${session.access_token}` },
      body: JSON.stringify({
        messages: [{ role: 'user', content: 'Say kumusta.' }],
        model: 'gpt-4o',
        temperature: 0,
        max_tokens: 60,
        prospectId: null,
        generationType: 'ai_message',
        skipProspectValidation: true,
        skipCoinCheck: true,
      }),
    })
    return { status: response.status, body: await response.json() }
  },
}

console.log(JSON.stringify(await scenarios[process.argv[2]]()))
