// The web client in a page of another origin: unmodified supabase-js, controlled by the test.
// Replies are read as an app reads them, so a value that the browser hides for lack of a CORS header is missing in the result.

async function connect({ url, key, email, password }) {
  const client = supabase.createClient(url, key, { auth: { persistSession: false, autoRefreshToken: false } })
  if (email) {
    const { error } = await client.auth.signInWithPassword({ email, password })
    if (error) throw error
  }
  return client
}

async function described({ data, error }) {
  const response = error?.context instanceof Response ? error.context : null
  return {
    error: error?.name ?? null,
    cause: error && !response ? String(error.context?.name) : null,
    status: response?.status ?? null,
    type: response?.type ?? null,
    requestId: response?.headers.get('x-request-id') ?? null,
    retryAfter: response?.headers.get('retry-after') ?? null,
    body: response ? await response.json() : data,
  }
}

globalThis.invoke = async ({ to, name, options }) => {
  const client = await connect(to)
  return described(await client.functions.invoke(name, options))
}

// Reads a table with its count, and calls a function of the database.
globalThis.read = async ({ to, name, options }) => {
  const client = await connect(to)
  const rows = await client.from('prospects').select('id', { count: 'exact' })
  const called = await client.rpc(name, options.body)
  return { rows: rows.data, count: rows.count, called: called.data, errors: [rows.error, called.error] }
}

// Uploads a file as a user's browser does, and returns the storage's reply.
globalThis.upload = async ({ to, name, options }) => {
  const client = await connect(to)
  const file = new File([options.body], options.file ?? 'leads.csv', { type: options.type ?? 'text/csv' })
  const { data, error } = await client.storage.from('scan-uploads').upload(name, file)
  return { path: data?.path ?? null, error: error?.message ?? null }
}

// Starts a call that only `abort()` ends; `result` is its outcome.
globalThis.begin = async ({ to, name, options }) => {
  const client = await connect(to)
  const controller = new AbortController()
  globalThis.abort = () => controller.abort()
  globalThis.result = client.functions.invoke(name, { ...options, signal: controller.signal }).then(described)
}

// Reads a streamed answer as far as its first text, then to its end or until it is aborted.
globalThis.stream = async ({ to, name, options }) => {
  const client = await connect(to)
  const controller = new AbortController()
  const { data, error } = await client.functions.invoke(name, { ...options, signal: controller.signal })
  if (error) throw error
  const reader = data.body.pipeThrough(new TextDecoderStream()).getReader()
  const text = { read: '' }
  const more = async () => {
    const { value, done } = await reader.read()
    text.read += value ?? ''
    return !done
  }
  while (!text.read.includes('"type":"delta"') && (await more()));
  globalThis.abort = () => controller.abort()
  globalThis.rest = async () => {
    try {
      while (await more());
      return text.read
    } catch (failure) {
      return failure.name
    }
  }
  const headers = ['x-request-id', 'x-energy-remaining', 'x-model-served', 'content-type']
  return { read: text.read, headers: Object.fromEntries(headers.map((name) => [name, data.headers.get(name)])) }
}
