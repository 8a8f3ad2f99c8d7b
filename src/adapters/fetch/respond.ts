/** From the standard response to Node's. */
import type { ServerResponse } from 'node:http'
import { endWithHost } from '../shared/http/closing-answer.js'
import type { Client } from './client.js'

/**
 * Sends a standard `Response` and resolves when it was ended or its client has left. Rejects with what its body failed
 * with, or with a `TypeError` for what cannot be sent. The body is read as fast as the client takes it, and cancelled
 * when the client leaves.
 */
export async function respond(response: Response, client: Client): Promise<void> {
  const { res } = client
  // Whoever was given Node's response may have used it, and says so, or has begun already.
  if (res.headersSent || response.headers.has(SENT_OTHERWISE)) {
    response.body?.cancel().catch(ignore)
    return
  }
  const reader = response.body === null ? null : response.body.getReader()
  writeStatus(response, res)
  writeHeaders(response, res)
  if (reader === null) {
    res.writeHead(res.statusCode).end()
    return
  }
  try {
    await sendBody(reader, client)
  } catch (error) {
    reader.cancel(error).catch(ignore)
    throw error
  }
}

// The mark that Hono's Node server defines: `RESPONSE_ALREADY_SENT`.
const SENT_OTHERWISE = 'x-hono-already-sent'

function writeStatus(response: Response, res: ServerResponse): void {
  res.statusCode = response.status
  if (response.statusText !== '' && res.req.httpVersionMajor < 2) res.statusMessage = response.statusText
}

function writeHeaders({ headers, body }: Response, res: ServerResponse): void {
  const cookies: string[] = []
  for (const [name, value] of headers) {
    if (name === 'set-cookie') cookies.push(value)
    else if (!HOP_BY_HOP.has(name) || isOurs(name, value, headers, res)) res.setHeader(name, value)
  }
  // Added to those that middleware before the handler has set.
  if (cookies.length > 0) res.appendHeader('set-cookie', cookies)
  // A browser would guess, and find HTML in what a user has written.
  if (body !== null && !res.hasHeader('content-type')) res.setHeader('content-type', 'text/plain; charset=UTF-8')
  // A body of another length than the head says would be taken for a part of the next response.
  res.strictContentLength = true
}

/** How a connection is used is for the server to decide; such headers come from responses of other servers. */
const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'proxy-connection', 'trailer', 'transfer-encoding', 'upgrade'])

/** Of those, what an app may say to HTTP/1.1: that this is the last response, or that it wants chunks and no length. */
function isOurs(name: string, value: string, headers: Headers, { req }: ServerResponse): boolean {
  if (req.httpVersion !== '1.1') return false
  if (name === 'connection') return value.toLowerCase() === 'close'
  return name === 'transfer-encoding' && value.toLowerCase() === 'chunked' && !headers.has('content-length')
}

/**
 * A body that is there in one piece gets a `Content-Length`. One that is not there within a turn of the event loop has
 * its head sent ahead, so that the client of an idle stream of events knows that it is connected.
 */
async function sendBody(reader: ReadableStreamDefaultReader<Uint8Array>, client: Client): Promise<void> {
  const { res } = client
  let wake = () => {}
  res.on('drain', () => wake())
  const cancel = (reason?: unknown) => void reader.cancel(reason).catch(ignore)
  let broken = false
  const answer = endWithHost(res, {
    end: cancel,
    cut: reason => {
      broken = true
      cancel(reason)
    },
  })
  client.whenOver(() => {
    answer.forget()
    cancel(client.signal.reason)
    wake()
  })
  const write = (chunk: Uint8Array | string): Promise<void> | undefined => {
    answer.touched()
    if (res.write(bytesOf(chunk))) return
    return new Promise(resolve => {
      wake = resolve
    })
  }
  let read = reader.read()
  const first = await withinTurn(read)
  if (first?.done === false) read = reader.read()
  const last = first?.done === false ? await withinTurn(read) : first
  if (broken || stopped(client)) return
  if (last?.done === true) {
    const piece = first?.value === undefined ? undefined : bytesOf(first.value)
    if (!res.hasHeader('content-length') && !res.hasHeader('transfer-encoding')) {
      res.setHeader('content-length', piece?.byteLength ?? 0)
    }
    if (piece === undefined) res.end()
    else res.end(piece)
    return
  }
  // What is left of the body is cancelled when the response has closed.
  if (res.req.method === 'HEAD') {
    res.end()
    return
  }
  if (first?.value === undefined) res.flushHeaders()
  else await write(first.value)
  for (;;) {
    const { done, value } = await read
    if (broken || stopped(client)) return
    if (done) break
    await write(value)
    read = reader.read()
  }
  res.end()
}

/** The standard asks for bytes; other servers of Node take text as well. Throws `TypeError` for anything else. */
function bytesOf(chunk: Uint8Array | string): Buffer {
  return typeof chunk === 'string' ? Buffer.from(chunk) : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
}

/** Whether nothing more may be written, because the client has left or something else has answered. */
function stopped({ outcome, res }: Client): boolean {
  return outcome !== null || res.writableEnded || res.destroyed
}

/** What `promise` resolves with, or null if it has not within a turn of the event loop. */
function withinTurn<T>(promise: Promise<T>): Promise<T | null> {
  return new Promise((resolve, reject) => {
    const turn = setImmediate(resolve, null)
    promise.then(resolve, reject).finally(() => clearImmediate(turn))
  })
}

function ignore(): void {}
