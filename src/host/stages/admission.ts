/**
 * Admission control. A server that takes on more than it can do does nothing in time; one that refuses the rest at once
 * keeps its answers as quick as they were (Welsh, Culler and Brewer, SEDA, 2001). A request needs a place at the bound of
 * its mount, then at the bound of the host, waits for each in a bounded queue, and gives both back when its answer begins:
 * what a slow client takes after that costs a connection, and no place.
 */
import { AsyncResource } from 'node:async_hooks'
import type { IncomingMessage } from 'node:http'
import { assertFunction, assertOptions, invalid } from '../../core/base/arguments.js'
import { answerOf } from '../../core/loop/callback.js'
import { startTimer } from '../../core/ops/sleep.js'
import { answerWithoutBody } from '../answer/answer.js'
import { onFirstByte } from '../answer/first-byte.js'
import type { Exchange } from '../request/exchange.js'
import { InFlight } from '../request/in-flight.js'
import type { Stage } from './stage.js'

/**
 * A bound on requests, for a host or for one mount. A request is in flight until its answer begins. If both places
 * and queue are full, the answer is an immediate 503 with `Retry-After`.
 */
export interface AdmissionOptions {
  /** How many requests may be in flight at once: 1 or more. */
  inFlight: number
  /** How many more requests may wait for a place, first come, first served. Default: `inFlight`. */
  queue?: number
  /**
   * How long a request may wait, in milliseconds, before it is refused with 503. Default: as long as its client
   * waits.
   */
  maxWait?: number
  /** The value of `Retry-After`, in whole seconds. Default: 1. */
  retryAfter?: number
  /**
   * Returns true for requests that are never held back, such as long polls of a library that shares its mount with
   * other requests. It must answer synchronously: a promise counts as false.
   */
  exempt?: (req: IncomingMessage) => boolean
}

/** Places for requests, and the queue for them. */
export class Gate {
  readonly retryAfter: number
  inUse = 0
  readonly #limit: number
  readonly #room: number
  readonly #maxWait: number
  readonly #exempt: (req: IncomingMessage) => boolean
  readonly #queue = new Set<Ticket>()
  #pumping = false

  /** Throws `INVALID_ARGUMENT`. */
  constructor(options: AdmissionOptions) {
    assertOptions('admission', options)
    const { inFlight, queue = inFlight, maxWait = Number.POSITIVE_INFINITY, retryAfter = 1, exempt = never } = options
    assertAtLeast(1, inFlight, 'admission.inFlight')
    assertAtLeast(0, queue, 'admission.queue')
    assertAtLeast(0, retryAfter, 'admission.retryAfter')
    if (typeof maxWait !== 'number' || !(maxWait >= 0)) throw invalid('admission.maxWait', 'milliseconds', maxWait)
    assertFunction('admission.exempt', exempt)
    this.#limit = inFlight
    this.#room = queue
    this.#maxWait = maxWait
    this.retryAfter = retryAfter
    this.#exempt = exempt
  }

  get waiting(): number {
    return this.#queue.size
  }

  exempts(req: IncomingMessage): boolean {
    return answerOf('admission.exempt', false, this.#exempt(req))
  }

  /** Takes a place, or waits for one. `'full'`: there is no room for either. */
  enter(ticket: Ticket): 'in' | 'waits' | 'full' {
    // Nobody overtakes those who wait, not even in the turn between a place that is free and its next holder.
    if (this.inUse < this.#limit && this.#queue.size === 0) {
      this.inUse++
      return 'in'
    }
    if (this.#queue.size >= this.#room) return 'full'
    this.#queue.add(ticket)
    if (this.#maxWait < Number.POSITIVE_INFINITY) {
      ticket.stopTimer = startTimer(this.#maxWait, () => ticket.refuse(this))
    }
    return 'waits'
  }

  /** Leaves the queue. */
  abandon(ticket: Ticket): void {
    this.#queue.delete(ticket)
    ticket.stopTimer?.()
  }

  /** Gives a place back. */
  leave(): void {
    this.inUse--
    this.#pump()
  }

  /**
   * Hands free places to those who wait, in a turn of its own: handlers that answer in the call would otherwise run
   * inside one another, and new requests are refused sooner.
   */
  #pump(): void {
    if (this.#pumping || this.#queue.size === 0) return
    this.#pumping = true
    setImmediate(() => {
      this.#pumping = false
      for (const ticket of this.#queue) {
        if (this.inUse >= this.#limit) break
        this.abandon(ticket)
        this.inUse++
        ticket.proceed()
      }
    })
  }
}

/** The counts of the gates for the requests of one mount. */
interface AdmissionCounts {
  readonly waiting: InFlight
  refused: number
}

/** One request on its way through the gates. */
class Ticket {
  stopTimer: (() => void) | null = null
  readonly #exchange: Exchange
  readonly #gates: readonly Gate[]
  readonly #held: Gate[] = []
  readonly #counts: AdmissionCounts
  #next: (() => void) | null
  #queuedAt: Gate | null = null
  #counted = false

  constructor(exchange: Exchange, gates: readonly Gate[], counts: AdmissionCounts, next: () => void) {
    this.#exchange = exchange
    this.#gates = gates
    this.#counts = counts
    this.#next = next
  }

  enter(): void {
    const gate = this.#gates[this.#held.length]
    if (gate === undefined) {
      this.#run()
      return
    }
    const outcome = gate.enter(this)
    if (outcome === 'in') {
      this.#held.push(gate)
      this.enter()
    } else if (outcome === 'waits') this.#wait(gate)
    else this.refuse(gate)
  }

  #wait(gate: Gate): void {
    this.#queuedAt = gate
    if (this.#counted) return
    this.#counted = true
    this.#counts.waiting.enter()
    // Its handler runs for this request, whichever other one made room for it.
    if (this.#next !== null) this.#next = AsyncResource.bind(this.#next, 'SynclessAdmission')
  }

  /** The gate at which it waited has taken it in. */
  proceed(): void {
    if (this.#queuedAt === null) return
    this.#held.push(this.#queuedAt)
    this.#queuedAt = null
    this.enter()
  }

  #run(): void {
    const next = this.#next
    this.#next = null
    onFirstByte(this.#exchange.res, () => this.leave())
    next?.()
    this.#waitedEnough()
  }

  refuse(gate: Gate): void {
    this.leave()
    const retryAfter = String(gate.retryAfter)
    if (answerWithoutBody(this.#exchange.res, 503, { 'Retry-After': retryAfter })) this.#counts.refused++
  }

  /** Gives back what it holds, and waits for nothing more. */
  leave(): void {
    this.#next = null
    this.#queuedAt?.abandon(this)
    this.#queuedAt = null
    for (const gate of this.#held.splice(0)) gate.leave()
    this.#waitedEnough()
  }

  #waitedEnough(): void {
    if (!this.#counted) return
    this.#counted = false
    this.#counts.waiting.leave()
  }
}

/** The questions of the stage to its mount. */
export interface ConnectionHolder {
  readonly holdsConnections: boolean
}

/**
 * Engine.IO's long polls, which are a connection by another name: most of the time they wait for something to send. Anybody can
 * make a request look like one, so that it is one only where nobody but the library serves requests.
 */
function isLongPoll(mount: ConnectionHolder, req: IncomingMessage): boolean {
  const { url = '/' } = req
  return /[?&]EIO=\d/.test(url) && /[?&]transport=polling/.test(url) && mount.holdsConnections
}

/** The stage of one mount: its own gate, then the host's. */
export class AdmissionStage implements Stage, AdmissionCounts {
  readonly #gates: readonly Gate[]
  readonly #mount: ConnectionHolder
  readonly #tickets = new WeakMap<Exchange, Ticket>()
  readonly waiting = new InFlight()
  /** How many requests were refused. */
  refused = 0

  constructor(gates: readonly Gate[], mount: ConnectionHolder) {
    this.#gates = gates
    this.#mount = mount
  }

  begin(exchange: Exchange, next: () => void): void {
    const { req } = exchange
    if (isLongPoll(this.#mount, req) || this.#gates.some(gate => gate.exempts(req))) {
      next()
      return
    }
    const ticket = new Ticket(exchange, this.#gates, this, next)
    this.#tickets.set(exchange, ticket)
    ticket.enter()
  }

  end(exchange: Exchange): void {
    this.#tickets.get(exchange)?.leave()
  }

  idle(): Promise<void> {
    return this.waiting.idle()
  }
}

function assertAtLeast(min: number, value: number, what: string): void {
  if (!Number.isInteger(value) || value < min) throw invalid(what, `a whole number, ${min} or more`, value)
}

function never(): boolean {
  return false
}
