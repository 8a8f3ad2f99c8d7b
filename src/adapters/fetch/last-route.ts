/**
 * A route behind all others, for fetch apps that take one: what it sees, none of them has answered. It takes the request to the
 * next app, so that middleware in front goes on after its `await next()` when that app has decided on its answer. An app that
 * takes no route is asked once, and its 404 declines.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { HeldPass, MountServer } from '../port.js'
import { carryHeaders } from './carry-headers.js'

type Route = (context: never, next: () => unknown) => unknown

/** The objects of Node that a request was made of. */
interface Origin {
  readonly req: IncomingMessage
  readonly res: ServerResponse
}

/** The context that Hono gives to a route. */
interface HonoContext {
  readonly env: { readonly incoming?: IncomingMessage; readonly outgoing?: ServerResponse }
  readonly res: Response
}

/** The event that h3 gives to a route. */
interface H3Event {
  readonly runtime?: { readonly node?: Origin }
  readonly res: { readonly headers: Headers }
}

/** The answers of the next app that wait for the middleware in front of it. */
export class LastRoute {
  readonly #server: MountServer
  /** Middleware may never go on when its client has left. */
  readonly #taken = new WeakMap<IncomingMessage, { readonly pass: HeldPass; readonly carried: ReadonlySet<string> }>()

  constructor(server: MountServer) {
    this.#server = server
  }

  /** Adds the route to an app that takes one. */
  add(app: object): void {
    try {
      if (hasMethod(app, 'use') && hasMethod(app, 'notFound')) app.use('*', this.#hono)
      else if (hasMethod(app, 'all') && hasMethod(app, 'mount')) app.all('/**', this.#h3)
    } catch {
      // Hono takes no route any more once it has served a request: its 404 declines.
    }
  }

  /** Whether the route took the request. Then the answer goes out, with the headers that middleware has added to the response. */
  release(req: IncomingMessage, res: ServerResponse, response: Response | null | undefined): boolean {
    const taken = this.#taken.get(req)
    if (taken === undefined) return false
    this.#taken.delete(req)
    if (response !== null && response !== undefined) carryHeaders(response.headers, res, taken.carried)
    taken.pass.release()
    return true
  }

  readonly #hono = ({ env, res }: HonoContext, next: () => unknown): unknown => {
    const { incoming, outgoing } = env
    if (incoming === undefined || outgoing === undefined || !this.#server.hasNext(incoming)) return next()
    return this.#take({ req: incoming, res: outgoing }, res.headers)
  }

  readonly #h3 = ({ runtime, res }: H3Event): unknown => {
    const node = runtime?.node
    if (node === undefined || !this.#server.hasNext(node.req)) return NOT_FOUND
    return this.#take(node, res.headers)
  }

  async #take({ req, res }: Origin, headers: Headers): Promise<Response> {
    const carried = carryHeaders(headers, res)
    const pass = this.#server.passOnAndHold(req)
    this.#taken.set(req, { pass, carried })
    await pass.decided
    const status = res.statusCode >= 200 ? res.statusCode : 200
    return new Response(null, { status })
  }
}

/** What a route of h3 returns that has nothing for the request. */
const NOT_FOUND = Symbol.for('h3.notFound')

function hasMethod<K extends string>(app: object, name: K): app is Record<K, (path: string, route: Route) => unknown> {
  return name in app && typeof Reflect.get(app, name) === 'function'
}
