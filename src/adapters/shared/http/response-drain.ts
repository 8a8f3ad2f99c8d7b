/** A channel as the response of a request: what the ports of web frameworks share. */
import type { ServerResponse } from 'node:http'
import type { Writable } from 'node:stream'
import { isTaskletExit, SynclessError } from '../../../core/base/errors.js'
import type { Receiver } from '../../../core/channel/channel.js'
import { Latch, whenSettled } from '../../../core/loop/latched.js'
import type { Co } from '../../../core/loop/op.js'
import { select } from '../../../core/ops/select.js'
import { sleep } from '../../../core/ops/sleep.js'
import { currentScope } from '../../../core/scope/current-scope.js'
import type { Tasklet } from '../../../core/tasklet/tasklet.js'
import { countLost } from '../bridge/lost.js'
import { assertReceiver, claiming } from '../bridge/receiver.js'
import { asReason } from '../bridge/stream-errors.js'
import { Sink } from '../bridge/writable-sink.js'
import { HEARTBEAT } from '../bytes/server-sent-events.js'
import { type ClosingAnswer, endWithHost } from './closing-answer.js'
import { clientGone, goneReason } from './request-error.js'
import { labelOf, requestScopeOf } from './request-scope.js'
import { type ResponseFormat, type ResponseOptions, responseFormat } from './response-format.js'

/** The status codes of responses that have no body, whatever is written to them. */
const BODILESS: ReadonlySet<number> = new Set([204, 304])

/** Where a response is written to. */
export interface ResponseOutlet {
  /** Node's own. */
  readonly res: ServerResponse
  /** What is written to: the response itself, or a stream that the framework sends. */
  readonly body: Writable
  /** Sets the headers that nobody has set, and begins. Nothing is sent before. What it throws is left to whoever shows it. */
  begin(headers: Readonly<Record<string, string>>): void
  /** Has what was written sent, where something would hold it back. */
  flush(): void
  /** The response has ended as it should. */
  done(): void
  /** Breaks the response off, because of `error` where there is one. */
  breakOff(error: unknown): void
}

/** The responses that a drain answers, unless it fails before it has begun. */
const taken = new WeakSet<ServerResponse>()

export function drainResponse<T>(
  receiver: Receiver<T>,
  outlet: ResponseOutlet,
  options: ResponseOptions<T>,
): Tasklet<'ended' | 'left'> {
  assertReceiver(receiver, 'drainTo()')
  const drain = new ResponseDrain(receiver, outlet, responseFormat(options))
  const { res } = outlet
  if (taken.has(res)) {
    throw new SynclessError(
      'MISUSE',
      `send all items to one channel: another channel already answers ${labelOf(res.req)}`,
    )
  }
  const scope = currentScope() ?? requestScopeOf(res.req, res)
  // First what can throw: it leaves nothing on the response then.
  const tasklet = claiming(receiver, `the channel "${receiver.name}"`, () => scope.go(() => drain.run()))
  taken.add(res)
  drain.attach()
  tasklet.name = `drain "${receiver.name}" into a response`
  // Not in the generator: a tasklet that is killed before its first turn never runs.
  whenSettled(tasklet.gone, () => drain.conclude(tasklet))
  return tasklet
}

class ResponseDrain<T> {
  readonly #receiver: Receiver<T>
  readonly #outlet: ResponseOutlet
  readonly #format: ResponseFormat<T>
  #sink!: Sink
  #begun = false
  #done = false
  #failure: unknown
  #hostCloses = false
  #broken = false
  readonly #closing = new Latch<void>('close of the host')
  #answer!: ClosingAnswer

  constructor(receiver: Receiver<T>, outlet: ResponseOutlet, format: ResponseFormat<T>) {
    this.#receiver = receiver
    this.#outlet = outlet
    this.#format = format
  }

  attach(): void {
    const { body, res } = this.#outlet
    const receiver = this.#receiver
    const { headers } = this.#format
    const type = () => String(res.getHeader('content-type') ?? headers['Content-Type'])
    this.#answer = endWithHost(res, { end: () => this.#closing.resolve(), cut: reason => this.#cut(reason) }, type)
    this.#sink = new Sink(body, () => receiver.cancel(res.writableEnded ? undefined : clientGone('its response')), res)
  }

  *run(): Co<'ended' | 'left'> {
    try {
      const ended = this.#hasBody() ? yield* this.#writeAll() : false
      if (!ended) this.#receiver.cancel()
      if (!this.#over) {
        this.#begin()
        this.#outlet.body.end()
      }
      const complete = (yield* this.#sink.finish()) && ended
      this.#done = true
      this.#outlet.done()
      return complete ? 'ended' : 'left'
    } catch (error) {
      // The scope of the request may hear of a client that leaves before the response does.
      if (goneReason(error) !== undefined) return 'left'
      this.#failure = error
      throw error
    }
  }

  get #over(): boolean {
    return this.#broken || this.#sink.over
  }

  #hasBody(): boolean {
    const { res } = this.#outlet
    return res.req.method !== 'HEAD' && !BODILESS.has(res.statusCode)
  }

  /** Writes until the channel has ended; false if the response was over before, or the host closes and nothing is there to write. */
  *#writeAll(): Co<boolean> {
    for (;;) {
      yield* this.#sink.room()
      if (this.#over) return false
      const got = this.#receiver.tryReceive()
      const step = got.ok ? { value: got.value } : got.done ? null : yield* this.#next()
      if (this.#over && step !== null) countLost(this.#receiver)
      if (this.#over) return false
      if (step === null) return !this.#hostCloses
      this.#write(this.#format.encode(step.value))
    }
  }

  /** Waits for the next value; null at the end. */
  *#next(): Co<{ value: T } | null> {
    const { opening, heartbeat } = this.#format
    if (!this.#begun && opening !== '') this.#write(opening)
    for (;;) {
      if (this.#closing.settled) return this.#left()
      const { key, value } = yield* select({
        step: this.#receiver.next(),
        closing: this.#closing,
        idle: heartbeat !== 0 && sleep(heartbeat),
      })
      if (key === 'step') return received(value)
      if (key === 'closing') return this.#left()
      if (this.#over) return null
      // Who does not read has something to read yet.
      if (!this.#sink.full) this.#write(HEARTBEAT)
    }
  }

  /** The host has broken off the response. */
  #cut(reason: SynclessError): void {
    this.#broken = true
    this.#outlet.breakOff(undefined)
    this.#receiver.cancel(reason)
  }

  /** Tells the producer that nobody receives any more. */
  #left(): null {
    this.#hostCloses = true
    return null
  }

  #write(chunk: string | Uint8Array): void {
    this.#begin()
    this.#answer.touched()
    this.#sink.write(chunk)
    this.#outlet.flush()
  }

  #begin(): void {
    if (this.#begun) return
    this.#begun = true
    const { prelude, headers } = this.#format
    const hasBody = this.#hasBody()
    this.#outlet.begin(hasBody || this.#outlet.res.req.method === 'HEAD' ? headers : {})
    if (prelude !== '' && hasBody) this.#sink.write(prelude)
  }

  conclude(tasklet: Tasklet<unknown>): void {
    this.#answer.forget()
    const { exit, state } = tasklet
    this.#receiver.cancel(goneReason(exit) ?? asReason(this.#failure))
    // One that has not begun is left to whoever shows the error. A kill is nobody's error.
    const shown = state === 'failed' || exit?.source === 'failure' || exit?.source === 'timeout'
    if (!this.#begun && shown) taken.delete(this.#outlet.res)
    else if (!this.#done) {
      // What fails the scope of a drain is the reason of its exit.
      const error = isTaskletExit(this.#failure) ? undefined : this.#failure
      this.#outlet.breakOff(exit?.source === 'failure' ? exit.reason : error)
    }
    this.#sink.unwatch()
  }
}

function received<T>(step: IteratorResult<T, unknown>): { value: T } | null {
  return step.done ? null : { value: step.value }
}
