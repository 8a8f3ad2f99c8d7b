/** A channel as the response of a request: what the ports of web frameworks share. */
import type { ServerResponse } from 'node:http'
import type { Writable } from 'node:stream'
import type { Receiver } from '../core/channel.js'
import { currentScope } from '../core/current-scope.js'
import type { Co } from '../core/op.js'
import { select } from '../core/select.js'
import { sleep } from '../core/sleep.js'
import type { Tasklet } from '../core/tasklet.js'
import { breakOff } from './carrier.js'
import { assertReceiver, claiming } from './claim.js'
import { asReason, destroyQuietly } from './destroy.js'
import { clientGone } from './request-error.js'
import { requestScopeOf } from './request-scope.js'
import { type ResponseFormat, type ResponseOptions, responseFormat } from './response-format.js'
import { HEARTBEAT } from './server-sent-event.js'
import { whenSettled } from './settled.js'
import { Sink } from './sink.js'

/** Where a response is written to. */
export interface ResponseOutlet {
  /** Node's own. */
  readonly res: ServerResponse
  /** What is written to: the response itself, or a stream that the framework sends. */
  readonly body: Writable
  /** Sets the headers that nobody has set, and begins. Nothing is sent before. */
  begin(headers: Readonly<Record<string, string>>): void
  /** Has what was written sent, where something would hold it back. */
  flush(): void
}

export function drainResponse<T>(
  receiver: Receiver<T>,
  outlet: ResponseOutlet,
  options: ResponseOptions<T>,
): Tasklet<'ended' | 'left'> {
  assertReceiver(receiver, 'drainTo()')
  const drain = new ResponseDrain(receiver, outlet, responseFormat(options))
  const { res } = outlet
  const scope = currentScope() ?? requestScopeOf(res.req, res)
  // First what can throw: it leaves nothing on the response then.
  const tasklet = claiming(receiver, `the channel "${receiver.name}"`, () => scope.go(() => drain.run()))
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

  constructor(receiver: Receiver<T>, outlet: ResponseOutlet, format: ResponseFormat<T>) {
    this.#receiver = receiver
    this.#outlet = outlet
    this.#format = format
  }

  attach(): void {
    const { body, res } = this.#outlet
    const receiver = this.#receiver
    this.#sink = new Sink(body, () => receiver.cancel(res.writableEnded ? undefined : clientGone('its response')), res)
  }

  *run(): Co<'ended' | 'left'> {
    try {
      const ended = this.#outlet.res.req.method === 'HEAD' ? false : yield* this.#writeAll()
      if (!ended) this.#receiver.cancel()
      if (!this.#sink.over) {
        this.#begin()
        this.#outlet.body.end()
      }
      const complete = (yield* this.#sink.finish()) && ended
      this.#done = true
      return complete ? 'ended' : 'left'
    } catch (error) {
      this.#failure = error
      throw error
    }
  }

  /** Writes until the channel has ended; false if the response was over before. */
  *#writeAll(): Co<boolean> {
    for (;;) {
      yield* this.#sink.room()
      if (this.#sink.over) return false
      const got = this.#receiver.tryReceive()
      const step = got.ok ? { value: got.value } : got.done ? null : yield* this.#next()
      if (this.#sink.over) return false
      if (step === null) return true
      this.#write(this.#format.encode(step.value))
    }
  }

  /** Waits for the next value; null at the end. */
  *#next(): Co<{ value: T } | null> {
    const { prelude, heartbeat } = this.#format
    if (!this.#begun && prelude !== '') this.#write(prelude)
    for (;;) {
      if (heartbeat === 0) return taken(yield* this.#receiver.next())
      const { key, value } = yield* select({ step: this.#receiver.next(), idle: sleep(heartbeat) })
      if (key === 'step') return taken(value)
      // Who does not read has something to read yet.
      if (!this.#sink.full) this.#write(HEARTBEAT)
    }
  }

  #write(chunk: string | Uint8Array): void {
    this.#begin()
    this.#sink.write(chunk)
    this.#outlet.flush()
  }

  #begin(): void {
    if (this.#begun) return
    this.#begun = true
    this.#outlet.begin(this.#format.headers)
  }

  conclude(tasklet: Tasklet<unknown>): void {
    const { res, body } = this.#outlet
    this.#receiver.cancel(asReason(this.#failure))
    // One that has not begun is left to whoever shows the error. Only a kill is nobody's error.
    const shown = tasklet.state === 'failed' || tasklet.exit?.source === 'failure'
    if (!this.#done && (this.#begun || !shown)) {
      breakOff(res)
      if (body !== res) destroyQuietly(body)
    }
    this.#sink.unwatch()
  }
}

function taken<T>(step: IteratorResult<T, unknown>): { value: T } | null {
  return step.done ? null : { value: step.value }
}
