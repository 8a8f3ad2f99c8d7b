/** Takes what the engine parsed to the mount that owns its path, and from there to the next, where that is wished. */
import { AsyncResource } from 'node:async_hooks'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { underlyingStream } from '../../adapters/underlying-stream.js'
import { SynclessError } from '../../core/base/errors.js'
import { answer, unavailable } from '../answer/answer.js'
import { continueOnce } from '../answer/continue-once.js'
import type { Mount } from '../mounts/mount.js'
import { restoring, stripMountPath } from '../mounts/mount-path.js'
import { elsewhere } from '../request/borrowed-connections.js'
import { Connection, outermostExchange, withdraw } from '../request/connection.js'
import { Exchange, nobody } from '../request/exchange.js'
import type { EngineSink, RequestEvent, Session } from '../transport/engine.js'
import { malformed } from '../transport/malformed-request.js'
import { type Ambiguity, ambiguous, isReadDifferently, isReadDifferentlyFromOutside } from './ambiguous-path.js'
import type { DispatchHost } from './dispatch-host.js'
import { HandOver } from './hand-over.js'
import { overlooked, unseen } from './overlooked.js'
import { outside, type Party } from './policy-agreement.js'
import { pass, prepareHandOver } from './serve.js'
import { dispatchUpgrade, dispatchVisitingUpgrade, leaveUpgrade, upgradeTaker, wantsUpgrade } from './upgrade-router.js'

export class Dispatcher implements EngineSink {
  readonly #host: DispatchHost
  /** Whether requests may have been begun before they come here. */
  #overhears = false

  constructor(host: DispatchHost) {
    this.#host = host
  }

  connection(socket: Duplex, session?: Session): void {
    const connection = Connection.of(socket, this.#host.traffic.connections, session)
    // A session would refuse its first request.
    if (this.#host.leaving && session === undefined) connection.leave()
  }

  request(req: IncomingMessage, res: ServerResponse): void {
    if (this.#overhears) this.#takeOver(req)
    const mount = this.#openMount(req, res)
    if (mount !== undefined) this.#serve(mount, 'request', req, res)
  }

  overhear(req: IncomingMessage, res: ServerResponse): void {
    this.#overhears = true
    if (outermostExchange(req) === undefined) this.#begin(req, res)
  }

  /** Nobody else has answered it. */
  #takeOver(req: IncomingMessage): void {
    const overheard = outermostExchange(req)
    if (overheard !== undefined) withdraw(overheard)
  }

  checkContinue(req: IncomingMessage, res: ServerResponse): void {
    continueOnce(res)
    const mount = this.#openMount(req, res)
    if (mount !== undefined) this.#serve(mount, 'checkContinue', req, res)
  }

  checkExpectation(req: IncomingMessage, res: ServerResponse): void {
    const mount = this.#openMount(req, res)
    if (mount !== undefined) this.#serve(mount, 'checkExpectation', req, res)
  }

  /** A request on a connection that is another server's. `next` has it where no mount does, or the one that does declines. */
  visit(event: RequestEvent, req: IncomingMessage, res: ServerResponse, next: () => void, behind = false): void {
    if (event === 'checkContinue') continueOnce(res)
    const { url = '/' } = req
    const mount = this.#host.mounts.find(url)
    const passedBy = overlooked(this.#host.mounts, url, mount, () => (behind ? [unseen] : this.#host.beyond))
    if (passedBy !== undefined) {
      this.#refuse(req, res, passedBy)
      return
    }
    if (mount === undefined) {
      next()
      return
    }
    if (!mount.open) {
      unavailable(res)
      return
    }
    if (behind && isReadDifferentlyFromOutside(url, mount)) {
      this.#refuse(req, res, { front: unseen, back: mount })
      return
    }
    const exchange = new Exchange(req, res, mount)
    this.#host.traffic.borrowed.entered(exchange, AsyncResource.bind(restoring(req, next)))
    mount.server.inFlight.enter()
    Connection.of(underlyingStream(req), elsewhere).visit(exchange)
    prepareHandOver(this.#host.mounts, mount, event, exchange)
    if (mount.strip) stripMountPath(req, mount.path)
    pass(mount, event, exchange)
  }

  visitUpgrade(req: IncomingMessage, socket: Duplex, head: Buffer, next: (() => void) | null): boolean {
    return dispatchVisitingUpgrade(this.#host, req, socket, head, next)
  }

  wantsUpgrade(req: IncomingMessage): boolean {
    return wantsUpgrade(this.#host, req)
  }

  takesUpgrade(req: IncomingMessage): boolean {
    return upgradeTaker(this.#host, req) !== undefined
  }

  leaveUpgrade(req: IncomingMessage, socket: Duplex, server: object): boolean {
    return leaveUpgrade(this.#host, req, socket, server)
  }

  upgrade(req: IncomingMessage, socket: Duplex, head: Buffer): void {
    dispatchUpgrade(this.#host, req, socket, head)
  }

  malformed(error: Error): void {
    const report = malformed(error)
    if (report !== undefined) this.#host.report(report)
  }

  failed(error: SynclessError): void {
    this.#host.report(error)
  }

  #serve(mount: Mount, event: RequestEvent, req: IncomingMessage, res: ServerResponse): void {
    const connection = Connection.of(underlyingStream(req), this.#host.traffic.connections)
    if (connection.over) return
    const exchange = new Exchange(req, res, mount)
    mount.server.inFlight.enter()
    connection.begin(exchange)
    prepareHandOver(this.#host.mounts, mount, event, exchange)
    if (mount.strip) stripMountPath(req, mount.path)
    if (connection.exchanges.length > this.#host.limits.pipelining) {
      connection.serveLater(() => pass(mount, event, exchange))
    } else pass(mount, event, exchange)
  }

  /** Takes an exchange to the next mount. There is one, and the response has not begun. */
  handOver(exchange: Exchange): void {
    const { handOver, offer } = exchange
    if (!(handOver instanceof HandOver)) return
    const { next } = handOver
    if (this.#refusedAsAmbiguous(exchange, handOver, next ?? server)) return
    if (offer !== null && offer.taker === (next?.server ?? null)) {
      handOver.pass(outcome => {
        if (outcome === 'gone' || exchange.outcome !== null || exchange.res.headersSent) return
        withdraw(exchange)
        offer.take()
      })
      return
    }
    if (next === undefined) {
      this.#giveBack(exchange, handOver)
      return
    }
    if (!next.open && !this.#host.draining) {
      unavailable(exchange.res)
      return
    }
    exchange.owner.settled(exchange)
    exchange.owner = next
    next.server.inFlight.enter()
    handOver.pass(outcome => {
      // In HTTP/2, a body that was aborted ends like any other.
      if (outcome === 'gone' || exchange.outcome !== null || exchange.res.headersSent) return
      if (outcome === 'over') {
        this.#refuseLarge(exchange)
        return
      }
      if (next.strip) stripMountPath(exchange.req, next.path)
      pass(next, handOver.awaitsContinue ? 'checkContinue' : 'request', exchange)
    })
  }

  /** To the server from which it has come. */
  #giveBack(exchange: Exchange, handOver: HandOver): void {
    handOver.pass(outcome => {
      if (outcome === 'gone' || exchange.outcome !== null || exchange.res.headersSent) return
      if (outcome === 'over') this.#refuseLarge(exchange)
      else {
        withdraw(exchange)
        exchange.visit?.next()
      }
    })
  }

  #refusedAsAmbiguous({ req, res }: Exchange, { passed, target }: HandOver, back: Party): boolean {
    const front = passed.find(mount => isReadDifferently(target, req.headers.host, mount, back))
    if (front !== undefined) this.#refuse(req, res, { front, back })
    return front !== undefined
  }

  #refuse(req: IncomingMessage, res: ServerResponse, two: Ambiguity): void {
    answer(res, 400)
    this.#host.report(ambiguous(req, two))
  }

  #refuseLarge(exchange: Exchange): void {
    answer(exchange.res, 413)
    this.#host.report(
      new SynclessError(
        'HAND_OVER_LIMIT',
        `raise the limit, handOver: { limit }: an app read the body of ${exchange.label} and declined the request, and the ` +
          'body is too large to hand over',
      ),
    )
  }

  /** The mount to serve the request, if there is one; otherwise the request has been answered. */
  #openMount(req: IncomingMessage, res: ServerResponse): Mount | undefined {
    const { url = '/' } = req
    const mount = this.#host.mounts.find(url)
    const passedBy = overlooked(this.#host.mounts, url, mount, () => [])
    if (passedBy === undefined && mount?.open === true) return mount
    this.#begin(req, res)
    if (passedBy !== undefined) this.#refuse(req, res, passedBy)
    else if (mount === undefined) answer(res, 404)
    else {
      this.#host.metrics?.unavailable(mount.path)
      unavailable(res)
    }
    return undefined
  }

  /** What the host itself answers is an exchange, too: nothing else may be written before it has been sent. */
  #begin(req: IncomingMessage, res: ServerResponse): void {
    Connection.of(underlyingStream(req), this.#host.traffic.connections).begin(
      new Exchange(req, res, this.#host.metrics?.unowned ?? nobody),
    )
  }
}

/** From which a request has come, and to which it goes back. */
const server = outside([])
