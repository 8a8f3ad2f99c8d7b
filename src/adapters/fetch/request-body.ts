import type { IncomingMessage } from 'node:http'
import type { ReadableByteStreamController } from 'node:stream/web'
import { SynclessError } from '../../core/base/errors.js'
import type { Client } from './client.js'

/**
 * The body of a request as a byte stream, or null where the request has none. Each read takes one piece from the socket,
 * so that who reads slowly holds the client back. Node's own conversion reads ahead, and when it is cancelled it destroys
 * the connection that the answer is to go out on; here, what is left unread is skipped after the response.
 */
export function requestBody(client: Client): ReadableStream<Uint8Array> | null {
  const { req } = client
  if (!hasBody(req)) return null
  if (req.readableDidRead) return readBefore(req)
  return new ReadableStream(new Pieces(client), { highWaterMark: 0 }) as ReadableStream<Uint8Array>
}

class Pieces {
  readonly type = 'bytes'
  readonly #client: Client
  #controller: ReadableByteStreamController | null = null
  #pulled = () => {}
  /** The rest of a body that had come in as a whole when its client left; null where there is none. */
  #rest: Buffer | null = null
  #over = false

  constructor(client: Client) {
    this.#client = client
    client.whenOver(() => {
      const { req } = client
      // Node destroys the request, and reads of it that begin later get nothing.
      if (this.#over || client.outcome !== 'gone' || !req.complete) return
      req.off('data', this.#piece)
      this.#rest = takeBuffered(req)
    })
  }

  pull(controller: ReadableByteStreamController): Promise<void> {
    if (this.#rest !== null) {
      if (this.#rest.length > 0) controller.enqueue(new Uint8Array(this.#rest))
      this.#rest = null
      this.#controller = controller
      this.#end()
      return Promise.resolve()
    }
    if (this.#controller === null) this.#start(controller)
    return new Promise(resolve => {
      this.#pulled = resolve
      if (this.#controller === null) resolve()
      else this.#client.req.resume()
    })
  }

  cancel(): void {
    this.#stop()
  }

  #start(controller: ReadableByteStreamController): void {
    this.#controller = controller
    const { req } = this.#client
    req.pause().on('data', this.#piece).on('end', this.#end).on('close', this.#fail).on('error', this.#fail)
    // Node skips what nobody has begun to read; the rest of what somebody has is for us to skip.
    this.#client.whenOver(() => {
      if (this.#rest !== null) this.pull(controller)
      else if (!this.#over) this.#fail()
      if (!req.destroyed) req.resume()
    })
    if (req.destroyed) this.#fail()
  }

  #stop(): void {
    this.#client.req.off('data', this.#piece).off('end', this.#end).off('close', this.#fail)
    this.#controller = null
    this.#over = true
    this.#pulled()
  }

  // The chunk shares the memory of the socket's reads, and a byte stream takes over what it is given: hence the copy.
  readonly #piece = (chunk: Uint8Array | string) => {
    this.#client.req.pause()
    this.#controller?.enqueue(typeof chunk === 'string' ? Buffer.from(chunk) : new Uint8Array(chunk))
    this.#pulled()
  }

  readonly #end = () => {
    const controller = this.#controller
    this.#stop()
    controller?.close()
    controller?.byobRequest?.respond(0)
  }

  readonly #fail = () => {
    const controller = this.#controller
    this.#stop()
    controller?.error(this.#client.signal.reason ?? new DOMException('the request is over', 'AbortError'))
  }
}

function takeBuffered(req: IncomingMessage): Buffer {
  const pieces: Buffer[] = []
  while (req.readableLength > 0) {
    const piece: unknown = req.read()
    if (piece === null) break
    pieces.push(typeof piece === 'string' ? Buffer.from(piece) : (piece as Buffer))
  }
  return Buffer.concat(pieces)
}

// HTTP/1.1 says so in the head; HTTP/2 with the end of its stream.
function hasBody(req: IncomingMessage): boolean {
  if (req.method === 'GET' || req.method === 'HEAD' || req.method === 'TRACE') return false
  const { 'content-length': length, 'transfer-encoding': coding } = req.headers
  return coding !== undefined || (length === undefined ? req.httpVersionMajor >= 2 : Number(length) > 0)
}

/** Who read the body before may have kept it as `rawBody`, as many body parsers do. */
function readBefore(req: IncomingMessage): ReadableStream<Uint8Array> {
  const kept = 'rawBody' in req && req.rawBody instanceof Uint8Array ? req.rawBody : null
  return new ReadableStream<Uint8Array>({
    start(controller) {
      if (kept === null) {
        const advice = 'put the fetch handler first, or keep the body as req.rawBody'
        controller.error(
          new SynclessError(
            'ALREADY_CONSUMED',
            `${advice}: the body was read before the fetch handler got the request`,
          ),
        )
        return
      }
      if (kept.length > 0) controller.enqueue(new Uint8Array(kept))
      controller.close()
    },
  })
}
