import { Duplex } from 'node:stream'
import { assertOptions } from '../../core/base/arguments.js'
import { SynclessError, TaskletKilled } from '../../core/base/errors.js'
import { channel, type Receiver, type Sender } from '../../core/channel/channel.js'
import { whenSettled } from '../../core/loop/latched.js'
import type { Co } from '../../core/loop/op.js'
import { Scope } from '../../core/scope/scope.js'
import { bondToScope } from '../../core/scope/scope-bond.js'
import { asError } from '../shared/bridge/stream-errors.js'
import { bytesOf, type Decoder, decoderOf } from '../shared/bytes/decoder.js'
import type { Encoder } from '../shared/bytes/encoders.js'
import { Reading } from './reading.js'

/** What a transform does: it receives what is written, and sends what is to be read. */
export type TransformBody<I, O> = (input: Receiver<I>, output: Sender<O>) => Co<unknown>

/** Options of `transform`. */
export interface TransformOptions<I, O> {
  /** Turns the chunks that are written into values, such as `decodeLines()`. Default: chunks as they are. */
  decode?: () => Decoder<I>
  /** Turns what is sent into bytes or text, such as `ndjson`. Default: values as they are. */
  encode?: Encoder<O>
  /** Whether objects are written. Default: only where nothing decodes them. */
  writableObjectMode?: boolean
  /** Whether objects are read. Default: only where nothing encodes them. */
  readableObjectMode?: boolean
  /** How far each side buffers: in bytes, or in objects in object mode. Default: Node's own. */
  highWaterMark?: number
  /** A name for descriptions and dumps. */
  name?: string
}

/**
 * A Duplex of a tasklet: what is written is received from `input`, what is sent to `output` is read. It goes where a
 * Transform goes, into `stream.pipeline` or `pipe`. A value is taken when the body receives it, so that a reader that
 * is slow holds back the writer by what the body does in between, and the `highWaterMark` of the two sides.
 *
 * The stream ends when the body returns. A body that returns before its input has ended wants no more of it: once
 * what it has sent has been read, the stream is destroyed, so that whatever writes to it learns of that (Node's own
 * `pipeline` then rejects with `ERR_STREAM_PREMATURE_CLOSE`; the `pipeline` of this module does not). An error of the
 * body destroys the stream, with the same object. Destroying the stream kills the body and what it has started.
 *
 * It belongs to the scope in which it is made. The scope does not wait for it: when the scope is cancelled, the
 * stream is destroyed. Throws `INVALID_ARGUMENT` for anything except a function, `SCOPE_CLOSED` if the scope has
 * ended.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { Readable } from 'node:stream'
 * import * as stream from 'syncless/stream'
 *
 * const pairs = stream.transform<number, number[]>(function* (input, output) {
 *   for (;;) {
 *     const first = yield* input.next()
 *     if (first.done) return
 *     yield* output.send([first.value, yield* input.receive()])
 *   }
 * })
 * assert.deepEqual(await Readable.from([1, 2, 3, 4]).pipe(pairs).toArray(), [[1, 2], [3, 4]])
 * ```
 */
export function transform<I = unknown, O = unknown>(
  body: TransformBody<I, O>,
  options: TransformOptions<I, O> = {},
): Duplex {
  assertOptions('stream.transform()', options)
  if (typeof body !== 'function') {
    throw new SynclessError('INVALID_ARGUMENT', 'stream.transform() takes a generator function of input and output')
  }
  return new TaskletTransform(body, options)
}

/** @internal */
export class TaskletTransform<I, O> extends Duplex {
  readonly #input = channel<I>()
  readonly #output = channel<O>()
  readonly #decoder: Decoder<I> | null
  readonly #reading: Reading<O>
  readonly #scope: Scope
  readonly #release: () => void
  #inputEnded = false
  /** The write that nobody takes. */
  #held: (() => void) | null = null
  /** Whether the body has returned before its input had ended. */
  left = false

  constructor(body: TransformBody<I, O>, options: TransformOptions<I, O>) {
    const { decode, encode, highWaterMark, name = body.name || 'transform' } = options
    const { writableObjectMode = decode === undefined, readableObjectMode = encode === undefined } = options
    super({ writableObjectMode, readableObjectMode, ...(highWaterMark === undefined ? {} : { highWaterMark }) })
    this.#input.name = `input of ${name}`
    this.#output.name = `output of ${name}`
    this.#decoder = decode === undefined ? null : decoderOf(decode)
    this.#reading = new Reading(this, this.#output, encode)
    this.#release = bondToScope(`the transform "${name}"`, () => this.destroy())
    this.#scope = new Scope({ name, onFailure: error => this.destroy(asError(error)) })
    const tasklet = this.#scope.go(() => body(this.#input, this.#output))
    tasklet.name = name
    whenSettled(tasklet.gone, () => {
      if (tasklet.state === 'done') this.#returned()
      else if (tasklet.state === 'killed') this.destroy(new TaskletKilled(name, tasklet.signal.reason))
    })
  }

  override _read(): void {
    this.#reading.read()
  }

  override _write(chunk: unknown, _encoding: string, callback: (error?: Error | null) => void): void {
    this.#give(() => this.#decoder?.push(bytesOf(chunk)) ?? [chunk as I]).then(
      taken => (taken ? callback() : this.#holdBack(callback)),
      callback,
    )
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.#give(() => this.#decoder?.end() ?? []).then(() => {
      this.#inputEnded = true
      this.#input.close()
      callback()
    }, callback)
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#release()
    // The body first: it is not to take this for the end of its input.
    this.#scope.cancel(error ?? undefined)
    this.#input.cancel(error ?? undefined)
    this.#output.cancel(error ?? undefined)
    this.#held?.()
    callback(error)
  }

  /** False where the body has returned, and wants no more. */
  async #give(decoded: () => Iterable<I>): Promise<boolean> {
    for (const value of decoded()) {
      const taken = await this.#input.send(value).then(
        () => true,
        () => false,
      )
      if (!taken) return false
    }
    return true
  }

  /** Whoever writes waits until what the body has sent was read, which ends the stream. Where nobody reads, that is now. */
  #holdBack(callback: () => void): void {
    if (this.destroyed) {
      callback()
      return
    }
    this.#held = callback
    const read = this.readableFlowing !== null || this.listenerCount('readable') > 0
    if (!read && this.readableLength === 0) this.resume()
  }

  #returned(): void {
    this.left = !this.#inputEnded
    this.#input.cancel()
    this.#output.close()
    if (this.left) this.once('end', () => this.destroy())
  }
}
