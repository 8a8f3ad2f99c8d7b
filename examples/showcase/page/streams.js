/** The two bodies that the page reads as streams: the endless feed, and the large file. */

const MIB = 1024 * 1024

/** Reads `GET /api/feed`, one order a line, until it ends or `signal` aborts; orders that arrive together are told together. */
export async function followFeed(signal, onOrders, onOpen) {
  const response = await fetch('/api/feed', { signal })
  if (!response.ok) throw new Error(`status ${response.status}`)
  onOpen()
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
  let rest = ''
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    const lines = (rest + value).split('\n')
    rest = lines.pop()
    const orders = lines.filter(line => line.trim() !== '').map(line => JSON.parse(line))
    if (orders.length > 0) onOrders(orders)
  }
}

const hex = buffer => Array.from(new Uint8Array(buffer), byte => byte.toString(16).padStart(2, '0')).join('')

/** Reads `GET /file` to its end and checks its hash: `ok`, `bad` or `unchecked`, and a text that says so. */
export async function download(onProgress, onCheck) {
  const response = await fetch('/file', { cache: 'no-store' })
  if (!response.ok) throw new Error(`status ${response.status}`)
  const length = Number(response.headers.get('content-length'))
  const expected = response.headers.get('x-sha256')
  const bytes = new Uint8Array(length)
  const started = performance.now()
  let received = 0
  let told = 0
  let speed = ''

  const reader = response.body.getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (!done) {
      if (received + value.length > length) throw new Error(`more than the ${length} bytes announced`)
      bytes.set(value, received)
      received += value.length
    }
    const now = performance.now()
    if (done || now - told > 60) {
      told = now
      const mib = received / MIB
      speed = `${mib.toFixed(1)} MiB, ${(mib / Math.max((now - started) / 1000, 0.001)).toFixed(0)} MiB/s`
      onProgress(length > 0 ? received / length : 0, speed)
    }
    if (done) break
  }

  if (received < length) throw new Error(`${received} of ${length} bytes`)
  if (!expected) return { state: 'unchecked', text: `${speed}. No X-Sha256 to check against.` }
  if (!globalThis.crypto?.subtle) {
    return {
      state: 'unchecked',
      text: `${speed}. SHA-256 not checked: the browser does so on https or localhost only.`,
    }
  }
  onCheck(`${speed}. Checking SHA-256.`)
  const actual = hex(await crypto.subtle.digest('SHA-256', bytes))
  return actual === expected.toLowerCase()
    ? { state: 'ok', text: `${speed}. SHA-256 matches: ${actual.slice(0, 8)}…` }
    : { state: 'bad', text: `${speed}. SHA-256 differs: ${actual.slice(0, 8)}…, not ${expected.slice(0, 8)}…` }
}
