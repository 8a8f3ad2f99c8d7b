/**
 * A host in front of the listeners of somebody else's server. Listeners cannot keep an event from one another, and to
 * take them off and call them by oneself, as Engine.IO does, loses those that are added or removed later. So the server's
 * `emit` has the host look first at the four events that are about a request; whatever it has no mount for goes on as it
 * would have. Detached, the server has its own `emit` again, and no listener more than it had.
 */
import type { EventEmitter } from 'node:events'
import { Server as HttpServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Server as NetServer } from 'node:net'
import type { Duplex } from 'node:stream'
import { TLSSocket } from 'node:tls'
import type { RequestEvent } from '../transport/engine.js'
import { appAmong, createdWith, type Listener, requestListeners } from './attach-app.js'
import { afterResponses, askBeforeUpgrade, noteResponse, serveWithoutUpgrade } from './attach-upgrade.js'

/** A host as another server sees it. */
export interface Visited {
  /** Serves a request, or calls `next`, now or later. `behind` something else that has looked at it. */
  visit(
    event: RequestEvent,
    req: IncomingMessage,
    res: ServerResponse,
    next: (error?: unknown) => void,
    behind?: boolean,
  ): void
  /** Whether a listener to requests is the app of a framework. */
  isFrameworks(listener: unknown): boolean
  /** Whether a mount owns the request. */
  owns(req: IncomingMessage): boolean
  /** Whether a mount takes the upgrade that a request asks for. */
  takesUpgrade(req: IncomingMessage): boolean
  /** Whether it has taken the upgrade, or has refused it. `next` has it after the apps that guard it have declined. */
  visitUpgrade(req: IncomingMessage, socket: Duplex, head: Buffer, next?: (() => void) | null): boolean
}

type Emit = (event: string | symbol, ...args: unknown[]) => boolean

/** The result of `host.attach`: a way to detach the host again. */
export interface Attachment extends Disposable {
  /**
   * Restores the server as it was before. Requests that the host already serves continue. A second call does nothing.
   * `host.close()` detaches at its end.
   */
  detach(): void
}

export class Tap {
  readonly #server: EventEmitter
  readonly #host: Visited
  readonly #emit: Emit
  readonly #own: PropertyDescriptor | undefined
  readonly #tap: Emit
  /** Where requests that the host owns are emitted, for those who cover `emit` of all servers; null if they have seen them. */
  readonly #stage: HttpServer | null
  readonly #asks: Disposable
  /** The app that the server was made with. */
  readonly #given: Listener | undefined
  #attached = true

  /** `seen`: whether requests of `server` have been emitted on another one before. */
  constructor(server: NetServer, host: Visited, seen: boolean) {
    this.#server = server
    this.#host = host
    this.#stage = seen ? null : new HttpServer()
    this.#own = Object.getOwnPropertyDescriptor(server, 'emit')
    this.#emit = this.#server.emit
    this.#tap = (event, ...args) => (this.#attached && this.#takes(event, args)) || this.#pass(event, ...args)
    this.#server.emit = this.#tap
    this.#given = createdWith(server)
    const listens = () => !onlyStandIn(server, 'upgrade')
    this.#asks = askBeforeUpgrade(server, req => host.takesUpgrade(req), listens)
    for (const event of ASKED) if (server.listenerCount(event) === 0) server.on(event, standIn)
    server.on('newListener', added).on('removeListener', removed)
  }

  detach(): void {
    if (!this.#attached) return
    this.#attached = false
    const server = this.#server
    this.#asks[Symbol.dispose]()
    server.off('newListener', added).off('removeListener', removed)
    for (const event of ASKED) server.off(event, standIn)
    // Somebody may have put another on top, which goes on to call ours.
    if (server.emit !== this.#tap) return
    if (this.#own === undefined) Reflect.deleteProperty(server, 'emit')
    else Object.defineProperty(server, 'emit', this.#own)
  }

  #pass(event: string | symbol, ...args: unknown[]): boolean {
    return Reflect.apply(this.#emit, this.#server, [event, ...args])
  }

  #takes(event: string | symbol, args: unknown[]): boolean {
    switch (event) {
      case 'request':
      case 'checkContinue':
      case 'checkExpectation': {
        const [req, res] = args as [IncomingMessage, ServerResponse]
        noteResponse(req.socket, res)
        if (this.#host.owns(req)) this.#visit(event, req, res)
        else if (event === 'request') return false
        else this.#settle(event, req, res)
        return true
      }
      case 'upgrade': {
        const [req, socket, head] = args as [IncomingMessage, Duplex, Buffer]
        return this.#takesUpgrade(req, socket, head)
      }
      default:
        return false
    }
  }

  #visit(event: RequestEvent, req: IncomingMessage, res: ServerResponse): void {
    const visit = () => this.#host.visit(event, req, res, error => this.#decline(event, req, res, error))
    const stage = this.#stage
    if (stage === null) {
      visit()
      return
    }
    stage.once('request', () => {
      for (const listener of this.#observers()) Reflect.apply(listener, this.#server, [req, res])
      visit()
    })
    stage.emit('request', req, res)
  }

  /** Those who look on. */
  #observers(): Listener[] {
    const app = this.#app
    return requestListeners(this.#server).filter(listener => listener !== app)
  }

  get #app(): Listener | undefined {
    return appAmong(requestListeners(this.#server), this.#given, listener => this.#host.isFrameworks(listener))
  }

  /** A mount has declined it. Whoever looks on has seen it. */
  #decline(event: RequestEvent, req: IncomingMessage, res: ServerResponse, error: unknown): void {
    if (error !== undefined && error !== null) res.destroy()
    else if (this.#stage === null || this.#own !== undefined || event !== 'request') this.#settle(event, req, res)
    else {
      const app = this.#app
      if (app !== undefined) Reflect.apply(app, this.#server, [req, res])
    }
  }

  /** What Node does for the server's own listeners, or where there is none. */
  #settle(event: RequestEvent, req: IncomingMessage, res: ServerResponse): void {
    if (event === 'request' || !onlyStandIn(this.#server, event)) this.#pass(event, req, res)
    else if (event === 'checkExpectation') res.writeHead(417).end()
    else {
      res.writeContinue()
      this.#pass('request', req, res)
    }
  }

  #takesUpgrade(req: IncomingMessage, socket: Duplex, head: Buffer): boolean {
    const listens = !onlyStandIn(this.#server, 'upgrade')
    if (listens) return this.#host.visitUpgrade(req, socket, head, () => this.#pass('upgrade', req, socket, head))
    // Without the host, Node would go on with the connection, and answer in the order of the requests.
    afterResponses(socket, () => {
      const serve = () => serveWithoutUpgrade(req, socket, head, again => this.#acceptAgain(again))
      if (!this.#host.visitUpgrade(req, socket, head, serve)) serve()
    })
    return true
  }

  /** Has Node parse a connection again. It takes no upgrade where nobody listens. */
  #acceptAgain(socket: Duplex): Disposable {
    const server = this.#server
    const [accept] = server.rawListeners(socket instanceof TLSSocket ? 'secureConnection' : 'connection') as Listener[]
    server.off('upgrade', standIn)
    // Node's own listener is the first. The others have seen the connection.
    if (accept !== undefined) Reflect.apply(accept, server, [socket])
    return {
      [Symbol.dispose]() {
        if (server.listenerCount('upgrade') === 0) server.on('upgrade', standIn)
      },
    }
  }
}

/** The events that Node emits only where somebody listens, and otherwise settles by itself. */
const ASKED = ['upgrade', 'checkContinue', 'checkExpectation'] as const

/** Listens where nobody else does, so that Node asks. Libraries count listeners; it is gone as soon as there is another. */
function standIn(): void {}

function isAsked(event: string | symbol): boolean {
  return ASKED.some(asked => asked === event)
}

function onlyStandIn(server: EventEmitter, event: string): boolean {
  return server.listeners(event).every(listener => listener === standIn)
}

function added(this: EventEmitter, event: string | symbol, listener: unknown): void {
  if (isAsked(event) && listener !== standIn) this.off(event, standIn)
}

function removed(this: EventEmitter, event: string | symbol, listener: unknown): void {
  if (isAsked(event) && listener !== standIn && this.listenerCount(event) === 0) this.on(event, standIn)
}
