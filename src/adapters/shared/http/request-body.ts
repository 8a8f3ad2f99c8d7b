/** The body of a request as a channel: what the ports of web frameworks share. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { finished, type Readable } from 'node:stream'
import { SynclessError } from '../../../core/base/errors.js'
import type { Receiver } from '../../../core/channel/channel.js'
import { whenSettled } from '../../../core/loop/latched.js'
import { currentScope } from '../../../core/scope/current-scope.js'
import { bondToScope } from '../../../core/scope/scope-bond.js'
import { isCutOff, refuseRest, underlyingStream } from '../../underlying-stream.js'
import { DemandChannel } from '../bridge/demand-channel.js'
import { claiming } from '../bridge/receiver.js'
import { destroyQuietly } from '../bridge/stream-errors.js'
import { type BodyDecoder, NdjsonDecoder, RawDecoder } from './body-decoder.js'
import { clientGone, goneReason, RequestError } from './request-error.js'
import { labelOf, requestScopeOf } from './request-scope.js'

/** How the body of a request becomes a channel. */
export interface BodyOptions {
  /** `'raw'`, the default: the bytes, in chunks as they arrive. `'ndjson'`: the value of each line. */
  format?: 'raw' | 'ndjson'
  /** How many chunks or values are taken ahead of the receiver. Default 0. */
  capacity?: number
  /** How many bytes the body may have. Default: any number. */
  limit?: number
  /** Only for `'ndjson'`: how many bytes a line may have. Default 1 MiB. */
  lineLimit?: number
  /** A name for descriptions and dumps. */
  name?: string
}

/** A request, the stream that its body is to be read from, and the response if it is known. */
export interface BodySource {
  readonly req: IncomingMessage
  readonly body: Readable
  readonly res: ServerResponse | null
}

/** How many bytes of what nobody wants are read and thrown away, so that the client gets its answer before a reset. */
const LINGER = 16 << 20

export function bodyToChannel<T>(source: BodySource, options: BodyOptions): Receiver<T> {
  const { req, body, res } = source
  const { capacity = 0, limit, name = `body of ${labelOf(req)}` } = Object(options) as BodyOptions
  if (limit !== undefined && (typeof limit !== 'number' || !(limit >= 0))) {
    throw new SynclessError(
      'INVALID_ARGUMENT',
      `toChannel() takes a limit of 0 or more bytes, and got ${String(limit)}`,
    )
  }
  const decoder = decoderFor(options) as BodyDecoder<T>
  if (body.readableDidRead || body.readableFlowing === true) {
    const advice = 'call toChannel() before a body parser runs, or use no body parser on this route'
    throw new SynclessError('ALREADY_CONSUMED', `${advice}: the ${name} has been read already`)
  }
  const values = new DemandChannel<T>(capacity, name, () => reader.demand())
  // Whoever receives from a request whose client is gone is told so, whichever is noticed first.
  const end = (error: SynclessError) => values.close(goneReason(error.cause) ?? error)
  const scope = currentScope() ?? (res === null ? null : requestScopeOf(req, res))
  const bond = () => bondToScope(`the ${name}`, end, scope)
  const reader = new BodyReader(source, values, decoder, limit ?? Number.POSITIVE_INFINITY)
  const release = claiming(body, `the ${name}`, bond)
  reader.start(release)
  return values
}

function decoderFor(options: BodyOptions): BodyDecoder<unknown> {
  const { format = 'raw', lineLimit = 1 << 20 } = Object(options) as BodyOptions
  if (typeof lineLimit !== 'number' || !(lineLimit >= 1)) {
    throw new SynclessError(
      'INVALID_ARGUMENT',
      `toChannel() takes a lineLimit of 1 or more bytes, and got ${lineLimit}`,
    )
  }
  if (format === 'raw') return new RawDecoder()
  if (format === 'ndjson') return new NdjsonDecoder(lineLimit)
  throw new SynclessError(
    'INVALID_ARGUMENT',
    `toChannel() takes the format 'raw' or 'ndjson', and got ${String(format)}`,
  )
}

class BodyReader<T> {
  readonly #source: BodySource
  readonly #values: DemandChannel<T>
  readonly #decoder: BodyDecoder<T>
  readonly #limit: number
  #size = 0
  #listening = false
  #ended = false

  constructor(source: BodySource, values: DemandChannel<T>, decoder: BodyDecoder<T>, limit: number) {
    this.#source = source
    this.#values = values
    this.#decoder = decoder
    this.#limit = limit
  }

  start(release: () => void): void {
    const { req, body } = this.#source
    const forget = finished(body, { writable: false }, error => this.#over(error) || this.#end())
    // What unpacks a body is not told that its client has broken off.
    const forgetRequest = body === req ? forget : finished(req, { writable: false }, error => this.#over(error))
    whenSettled(this.#values.ended, () => {
      release()
      forget()
      forgetRequest()
      body.off('readable', this.#onReadable)
      leave(this.#source)
    })
    if (body === req && Number(req.headers['content-length']) > this.#limit) this.#values.close(this.#tooLarge())
  }

  demand(): void {
    if (this.#listening || this.#ended) this.#move()
    else this.#source.body.on('readable', this.#onReadable)
    this.#listening = true
  }

  readonly #onReadable = () => this.#move()

  /** Closes the channel with an error, if there is one. */
  #over(error: Error | null | undefined): boolean {
    const { req } = this.#source
    if (error) this.#values.close(this.#reason(error))
    else if (isCutOff(req)) this.#values.close(clientGone(`the ${this.#values.name}`))
    return this.#values.closed
  }

  #end(): void {
    this.#ended = true
    this.#decoder.end()
    this.#move()
  }

  /** Moves what has come and the channel wants. What is left is moved at the next demand. */
  #move(): void {
    const { body } = this.#source
    try {
      while (this.#values.wants) {
        const decoded = this.#decoder.next()
        if (decoded !== null) this.#values.trySend(decoded.value)
        else if (this.#ended) this.#values.close()
        else if (!this.#read(body)) return
      }
      // Takes nothing, but lets a body that is at its end say so, without waiting for the next receive.
      if (!this.#values.closed && !this.#ended && body.readableLength === 0) body.read(0)
    } catch (error) {
      this.#values.close(error)
    }
  }

  #read(body: Readable): boolean {
    const chunk: Buffer | string | null = body.read()
    if (chunk === null) return false
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk
    this.#size += bytes.length
    if (this.#size > this.#limit) throw this.#tooLarge()
    this.#decoder.push(bytes)
    return true
  }

  #tooLarge(): RequestError {
    return new RequestError('BODY_TOO_LARGE', 413, `the ${this.#values.name} is larger than ${this.#limit} bytes`)
  }

  /** What a client that breaks off looks like to Node says where the stream stood, not that the client is gone. */
  #reason(error: Error): unknown {
    const { req } = this.#source
    const broken = 'code' in error && (error.code === 'ECONNRESET' || error.code === 'ERR_STREAM_PREMATURE_CLOSE')
    return broken && (!req.complete || isCutOff(req)) ? clientGone(`the ${this.#values.name}`, error) : error
  }
}

/**
 * Leaves a body in the middle. The connection stays as it is, so that an answer can be sent on it. Then what is still to
 * come is thrown away, or the connection is broken off if that is much: else the next request would never be read.
 */
function leave({ req, body, res }: BodySource): void {
  if (body !== req) destroyQuietly(body)
  if (req.readableEnded || req.destroyed) return
  const discard = () => {
    let size = 0
    const carrier = underlyingStream(req)
    const count = (chunk: Buffer | string) => {
      size += chunk.length
      if (size > LINGER) refuseRest(req)
    }
    const over = () => {
      forget()
      req.off('data', count)
      carrier.off('close', over)
    }
    const forget = finished(req, { writable: false }, over)
    req.on('data', count).resume()
    // After the response, Node no longer tells the request.
    carrier.once('close', over)
  }
  if (res === null || res.writableFinished) {
    discard()
    return
  }
  const finish = () => {
    res.off('close', close)
    discard()
  }
  // The client may leave before it has its answer: the response never finishes then.
  const close = () => res.off('finish', finish)
  res.once('finish', finish).once('close', close)
}
