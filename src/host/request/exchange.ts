/**
 * One request and its response, from dispatch until the response has ended or the client is gone. It is the scope
 * provider of everything that runs for the request, and makes that scope only when something asks for it: an app that
 * starts no tasklet pays for this one small object.
 */
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { breakOff, isAnswered } from '../../adapters/underlying-stream.js'
import { isTaskletExit, SynclessError, TaskletKilled } from '../../core/base/errors.js'
import { Latch } from '../../core/loop/latched.js'
import type { Op } from '../../core/loop/op.js'
import { Scope, type ScopeProvider } from '../../core/scope/scope.js'
import { answer } from '../answer/answer.js'
import type { HeldAnswer } from '../answer/held-answer.js'
import { askedPath } from '../transport/request-target.js'
import { traceSettled, tracing } from './tracing.js'

/** The events that an exchange reports to its mount. */
export interface ExchangeOwner {
  /** The mount server on which the app is; null where none is asked. */
  readonly server: object | null
  /** A handler threw or a tasklet failed. The client has been answered already. */
  failed(exchange: Exchange, error: unknown): void
  /** The exchange is no longer this owner's: its response has ended, or will never, or another mount has it. Called once. */
  settled(exchange: Exchange): void
  /** The request is over; tasklets of it may still be at work, or at their cleanup. */
  lingers(scope: Scope): void
  /** Calls `fn` when the host closes; at once if it does already. Returns what forgets it. */
  whenClosing?(fn: () => void): () => void
  /** Its app has nothing for the request. Throws `HOST_STATE` where nobody is asked to be next. */
  passOn(exchange: Exchange): void
}

/** The owner of requests that the host answers itself. */
export const nobody: ExchangeOwner = { server: null, failed() {}, settled() {}, lingers() {}, passOn() {} }

/** The way of a request to the next app. */
export interface PendingHandOver {
  /** Whether the client waits to be told to send its body, and nobody but a handler of an app's own can have done so. */
  awaitsContinue: boolean
  /** Whether the app of `owner` may still get it. */
  mayReach(owner: ExchangeOwner): boolean
  /** Resolves when another app has got it, or none will: its response has begun, or is over. */
  decided(): Promise<void>
  /** Nothing more is handed over. */
  end(): void
}

/** The properties that the first app has put on a request and its response. */
export interface Marks {
  giveBackHelpers(): void
  giveBackAll(): void
}

/** The duties of an exchange towards the server from which it has come. */
export interface Visit {
  /** Takes the request back: no mount has anything for it. */
  next(): void
  over(exchange: Exchange): void
}

/** An upgrade on its way to the mount that takes it. */
export interface UpgradeOffer {
  /** The server of that mount; null if it is the server from which the request has come. */
  readonly taker: object | null
  take(): void
}

const exchanges = new WeakMap<IncomingMessage, Exchange>()

/** The settled exchanges that can still be asked for their scope, and those whose scope was made. */
export function rememberedExchange(req: IncomingMessage): Exchange | undefined {
  return exchanges.get(req)
}

function unheard(): void {}

/** A client has to take the answer. */
class Answered extends Latch<void> {
  override external(): boolean {
    return true
  }
}

export class Exchange implements ScopeProvider {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  /** The mount whose app has the request now. */
  owner: ExchangeOwner
  /** How the request gets to the next app; null where there is none, or it is too late. */
  handOver: PendingHandOver | null = null
  /** The marks of the app that had it before; null where it has been handed over by none. */
  marks: Marks | null = null
  /** The answers that apps in front keep back, the latest last; null where there is none. */
  held: HeldAnswer[] | null = null
  /** Null while the client waits for the rest of the response. */
  outcome: 'ended' | 'gone' | null = null
  /** The host's duties if the request came on a connection of another server; null on the host's own connections. */
  visit: Visit | null = null
  /** Set if the client asks for another protocol, and the apps in front of its taker are asked first. */
  offer: UpgradeOffer | null = null
  /** Where hosts are nested, the exchange of the inner one. */
  inner: Exchange | null = null
  /** The listener of its connection on the response. */
  responseClosed: () => void = unheard
  #scope: Scope | null = null
  #answered: Answered | null = null

  constructor(req: IncomingMessage, res: ServerResponse, owner: ExchangeOwner) {
    this.req = req
    this.res = res
    this.owner = owner
  }

  /** `GET /path`, as the client sent it, for messages. The query may hold secrets and is left out. */
  get label(): string {
    return `${this.req.method} ${askedPath(this.req)}`
  }

  get innermost(): Exchange {
    let at: Exchange = this
    while (at.inner !== null) at = at.inner
    return at
  }

  /** Settles when the response has ended or its client is gone. It is made on first use. */
  get answered(): Op<void> {
    if (this.#answered === null) {
      const answered = new Answered('the answer of the next app')
      this.#answered = answered
      if (this.outcome === null) this.res.once('close', () => answered.resolve(undefined))
      else answered.resolve(undefined)
    }
    return this.#answered
  }

  /** Takes an inner exchange off. */
  forget(inner: Exchange): void {
    let at: Exchange = this
    while (at.inner !== null && at.inner !== inner) at = at.inner
    at.inner = null
  }

  whenClosing(fn: () => void): () => void {
    return this.owner.whenClosing?.(fn) ?? unheard
  }

  /** The scope, if something has asked for it. */
  get startedScope(): Scope | null {
    return this.#scope
  }

  /** The request's scope, made on first use. */
  get scope(): Scope {
    if (this.#scope !== null && !(this.#scope.ended && this.outcome !== null)) return this.#scope
    const scope = new Scope({ name: `request ${this.label}`, onFailure: error => this.fail(error), inPlace: true })
    this.#scope = scope
    exchanges.set(this.req, this)
    if (this.outcome === 'gone') scope.cancel(this.#gone())
    // Asked for after the response: whoever asked starts a tasklet before this turn of the microtask queue.
    if (this.outcome === 'ended') queueMicrotask(() => this.owner.lingers(scope))
    return scope
  }

  /** Answers with `status`, or breaks off a response that has begun, ends the request's tasklets and reports. Never throws. */
  fail(error: unknown, status = 500, headers: OutgoingHttpHeaders = {}): void {
    const consequence = this.outcome === 'gone' && (isTaskletExit(error) || error instanceof TaskletKilled)
    if (consequence) return
    this.#refuse(status, headers)
    this.#scope?.cancel(error)
    // An error with a 4xx status says what the client did, and any client can cause it.
    if (status >= 500) this.owner.failed(this, error)
  }

  #refuse(status: number, headers: OutgoingHttpHeaders): void {
    const { res } = this
    try {
      if (!answer(res, status, headers) && !res.writableEnded) breakOff(res)
    } catch {
      // A handler may have left its own methods on the response.
      breakOff(res)
    }
  }

  /**
   * The response or its socket has closed. A response that was ended before is complete, as far as the server can
   * know; any other was left by its client.
   */
  settle(): void {
    if (this.outcome !== null) return
    this.marks?.giveBackAll()
    if (this.held !== null) for (const held of this.held.splice(0)) held.abandon()
    this.inner?.settle()
    this.outcome = isAnswered(this.res) ? 'ended' : 'gone'
    this.#answered?.resolve(undefined)
    if (this.outcome === 'gone') {
      exchanges.set(this.req, this)
      this.#scope?.cancel(this.#gone())
    }
    this.#over()
  }

  /** The request is somebody else's to answer. What was started for it may finish. */
  release(): void {
    if (this.outcome !== null) return
    this.outcome = 'ended'
    this.#over()
  }

  #over(): void {
    if (this.#scope !== null) this.owner.lingers(this.#scope)
    this.handOver?.end()
    if (tracing()) traceSettled(this)
    this.visit?.over(this)
    this.owner.settled(this)
  }

  #gone(): SynclessError {
    return new SynclessError('CLIENT_GONE', `the connection was closed before the response to ${this.label} had ended`)
  }
}
