/**
 * How a request that its app has nothing for gets to the next app as if that were the first. Prepared when the request is
 * dispatched, for mounts that declare it and only where there is a next one.
 */

import { onFirstByte } from '../answer/first-byte.js'
import type { Mount } from '../mounts/mount.js'
import type { Exchange, ExchangeOwner, PendingHandOver } from '../request/exchange.js'
import { BodyReplay, type RewindOutcome } from './body-replay.js'
import { RequestSnapshot } from './request-snapshot.js'

export class HandOver implements PendingHandOver {
  /** Whether the client waits to be told to send its body, and nobody but a handler of an app's own can have done so. */
  awaitsContinue: boolean
  /** The request target that the client has sent. */
  readonly target: string
  readonly #exchange: Exchange
  /** The apps that may still get the request, in order. */
  readonly #rest: Mount[]
  /** Whether the server from which it has come gets what the last of them has nothing for. */
  readonly #visits: boolean
  /** The mounts that have had it. */
  readonly passed: Mount[]
  readonly #marks: RequestSnapshot
  readonly #body: BodyReplay
  #decided: Promise<void> | null = null
  #decide = () => {}
  #unwatch = () => {}

  /** `rest` is not empty, or `visits` is true. */
  constructor(
    first: Mount,
    exchange: Exchange,
    limit: number,
    rest: Mount[],
    visits: boolean,
    awaitsContinue: boolean,
  ) {
    this.awaitsContinue = awaitsContinue
    this.passed = [first]
    this.target = exchange.req.url ?? '/'
    this.#exchange = exchange
    this.#rest = rest
    this.#visits = visits
    this.#marks = new RequestSnapshot(exchange.req, exchange.res)
    this.#body = new BodyReplay(exchange.req, limit)
    this.#watch()
  }

  /** A body is kept for as long as another app may need it: not while a long answer is being sent. */
  #watch(): void {
    if (this.#body.records) this.#unwatch = onFirstByte(this.#exchange.res, () => this.end())
  }

  /** The app that gets it next; undefined if it goes back to the server from which it has come. */
  get next(): Mount | undefined {
    return this.#rest[0]
  }

  /** Whether `mount` may still get it. */
  mayReach(mount: ExchangeOwner): boolean {
    return this.#rest.some(next => next === mount) && !this.#exchange.res.headersSent
  }

  /** Resolves when another app has got it, or none will: its response has begun, or is over. */
  decided(): Promise<void> {
    this.#decided ??= new Promise(resolve => {
      this.#decide = resolve
      onFirstByte(this.#exchange.res, resolve)
    })
    return this.#decided
  }

  /** Makes the request what it was, for the next app, which has become its owner, if any. Calls `done` now or later. */
  pass(done: (outcome: RewindOutcome) => void): void {
    const mount = this.#rest.shift()
    if (mount !== undefined) this.passed.push(mount)
    this.#decide()
    this.#decided = null
    this.#body.rewind(outcome => {
      // The response looks to the next app as if nobody had seen it.
      this.#unwatch()
      if (outcome === 'unread') {
        this.#marks.takeOff()
        this.#exchange.marks = this.#marks
        if (this.#rest.length === 0 && (mount === undefined || !this.#visits)) {
          this.#body.remove()
          this.end()
        } else this.#body.limit = mount?.handOverLimit ?? 0
      }
      done(outcome)
      if (this.#exchange.handOver === this) this.#watch()
    })
  }

  /** Nothing more is handed over. */
  end(): void {
    this.#decide()
    this.#body.drop()
    this.#exchange.handOver = null
  }
}
