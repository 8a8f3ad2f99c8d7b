/**
 * The two contracts of an adapter: a *flow port* bridges sequences of values, a *host port* lets a host serve an app.
 * An adapter implements one or both and imports nothing but this file and the core. At the end, what a host tells those
 * who trace its requests.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Receiver, Sender } from '../core/channel/channel.js'
import type { Tasklet } from '../core/tasklet/tasklet.js'

/**
 * What a medium can carry. The contract that all flow ports pass (test/adapters/contract) and the compatibility matrix
 * derive from this which guarantees hold, and check them.
 */
export interface FlowCapabilities {
  /** Whether its source can be made to wait. One that cannot has no `'block'` overflow policy. */
  readonly pausable: boolean
  /** The bridges out of a channel whose consumer can make the channel wait. */
  readonly holdsBack: readonly ('fromChannel' | 'drainTo' | 'connect')[]
  /** Whether a source serves several bridges, each of which gets everything; else a second one is refused. */
  readonly multicast: boolean
  /** How an error crosses: as the same object, as its message only, or not at all. */
  readonly errors: 'identity' | 'message' | 'none'
  /** Whether the end of the sequence crosses. */
  readonly ends: boolean
  /** Whether the consumer can tell the producer that it wants nothing more. */
  readonly cancels: boolean
  /** Whether the producer learns that a value was taken. */
  readonly ack: boolean
}

/**
 * The names under which every flow adapter exports its bridges: `import * as rx from 'syncless/rx'` is a flow port. An
 * adapter leaves out what its library cannot do. Parameters are `never` here because each port narrows them.
 */
export interface FlowPort {
  readonly capabilities: FlowCapabilities
  /** From a native source to a channel. A hot source is subscribed at once, a cold one when first received from. */
  toChannel?(source: never, ...options: never[]): Receiver<unknown>
  /** From a channel to a native source. It serves one consumer; a second one gets `ALREADY_CONSUMED`. */
  fromChannel?(receiver: never, options: never): unknown
  /** From a channel to a sink that exists already. The tasklet ends when the channel has. */
  drainTo?(receiver: never, sink: never, ...options: never[]): Tasklet<unknown>
  /** For what is source and sink at once. */
  connect?(duplex: never, options: never): { readonly incoming: Receiver<unknown>; readonly outgoing: Sender<never> }
}

/**
 * The server that one mount of a host sees in place of its own: an `http.Server` that never binds. The host emits
 * `request`, `upgrade`, `checkContinue` and `checkExpectation` on it.
 */
export interface MountServer extends Server {
  /** The mount path, without a slash at its end, except for `/` itself. */
  readonly path: string
  /** Whether somebody called `listen()` on it. */
  readonly listenRequested: boolean
  /** Refuses this mount's new requests with 503, and resolves when no response of it is in flight. Idempotent. */
  quiesce(): Promise<void>
  /** Whether requests that the app has nothing for may go on to another. */
  readonly handsOver: boolean
  /** Whether there is another app for this request; if not, the app answers it itself, as it would alone. */
  hasNext(req: IncomingMessage): boolean
  /** Takes the request to that app. The response must not have begun. The headers of a reply go along. */
  passOn(of: IncomingMessage | PendingReply): void
  /**
   * As `passOn`, for an app that goes on when the next one has decided on its answer: that answer is kept back until it is
   * released, so that headers can still be added to it.
   */
  passOnAndHold(req: IncomingMessage): HeldPass
  /** Whether the app's hooks in front of its routes run for a request that it hands over. */
  readonly runsHooks: boolean
}

/** A request that another app has, and whose answer is kept back. */
export interface HeldPass {
  /** Resolves when the next app has decided on its answer, or none will come. */
  readonly decided: PromiseLike<void>
  /** Lets the answer go out. */
  release(): void
}

/** A reply in which a framework keeps the headers that it would send, such as Fastify's. */
export interface PendingReply {
  readonly raw: ServerResponse
  /** Whether it was answered already, or is not the framework's to answer. */
  readonly sent: boolean
  /** Keeps the framework from answering. */
  hijack(): unknown
  getHeaders(): object
  /** Has the framework answer, with no body: its hooks may still add headers. */
  send(): unknown
}

/** The prototypes of the requests and responses of an app that has its own. */
export interface MessagePrototypes {
  readonly request: object
  readonly response: object
}

/**
 * In what two paths may differ that an app takes for the same: `/Admin`, `/admin/`, `//admin`, `/admin;x` and `/admin.x`
 * for `/admin`.
 */
export type PathTrait = 'case' | 'trailing-slash' | 'duplicate-slashes' | 'semicolon' | 'extension'

/** How an app treats one trait of paths. */
export interface PathRule {
  /** Whether it takes such paths for the same; `'partly'` where some of its routers do. */
  readonly ignored: 'always' | 'never' | 'partly'
  /** The setting by which it would always, for messages; left out where it has none. */
  readonly toIgnore?: string
  /** The setting by which it never would. */
  readonly toTell?: string
}

/**
 * Whose `X-Forwarded-*` an app believes: everybody's, nobody's, those of a number of proxies nearest to it, those of a
 * list of addresses and subnets, or those for which a function of its own says so.
 */
export type TrustPolicy = boolean | number | ReadonlySet<string> | ((...args: never) => unknown)

/** The reading of an app that nobody knows: it may decode a path, or resolve it, and no other app reads alike. */
export const UNKNOWN = 'unknown'

/** What an app's settings say of the requests that it gets. What is left out is not known. */
export interface AppPolicy {
  /**
   * A name for the way in which it gets the path of a request target; apps of the same way read every target alike, except
   * those that are `UNKNOWN`. Left out: as it was sent, up to the query.
   */
  readonly reading?: string
  /** Whether its path may come from something else in a request than its target: a header, or the host. */
  readonly beyondTarget?: boolean
  /** The paths that are taken off its targets in turn, by mounts of its own with `strip`. */
  readonly strips?: readonly string[]
  readonly paths?: Readonly<Partial<Record<PathTrait, PathRule>>>
  readonly trust?: TrustPolicy
  /**
   * How many characters the parameter of a route may have, once it is decoded; for a longer one it has nothing. Left out
   * where it has no bound, or answers such a request.
   */
  readonly longestParameter?: number
}

/** An app that has been opened on a mount server. */
export interface MountedApp {
  /** What the app changes the prototypes of its messages to, so that they can be made with them where it is alone. */
  readonly prototypes?: MessagePrototypes
  /**
   * Serves a request; it never throws and never rejects. `next` is for an app that can decline: without an error the
   * request is not found, with one it has failed. A `handle` that declares two parameters never declines, and the host
   * makes no `next` for it. Left out where the app listens to the mount server's events by itself.
   */
  handle?(req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void): void
  /**
   * Whether its upgrades are complete handshakes of WebSockets alone. It would serve every other offer as a plain request, so
   * that such an offer goes the way of one. Left out where it takes whatever its server is offered.
   */
  takesWebSocketsOnly?(): boolean
  /** Resolves when the app can serve. Until then its requests get 503. A rejection fails the start of the host. */
  ready?(): Promise<void>
  /**
   * Closes the app: resolves when its requests are over and its own cleanup has run. The host calls it once, and destroys
   * what is left after `deadline` milliseconds.
   */
  close?(deadline: number): Promise<void>
}

/** How one kind of app is hosted. The host knows this contract and never a framework. */
export interface HostPort {
  /** The name of the kind, for messages. */
  readonly name: string
  /** Whether `app` is of this kind. Exactly one port may say so. */
  accepts(app: unknown): boolean
  /**
   * What an accepted app says of its requests; of one that is made of several, what each of these says. `server` is that on
   * which it is or will be. Asked for when it is ready.
   */
  policies?(app: unknown, server: object): Iterable<AppPolicy>
  /** Why apps of this kind cannot be served over HTTP/2; left out where they can. */
  readonly http1Only?: string
  /** Binds an accepted app to its mount server. Throws a `SynclessError` if the app is in no state to be hosted. */
  open(app: unknown, server: MountServer): MountedApp
  /**
   * For frameworks that are given their server by a factory: called while the factory runs, it calls `found` with the
   * app, once that exists. `options` are those that the factory was called with. Returns at once.
   */
  watch?(server: MountServer, found: (app: unknown) => void, options?: unknown): void
}

/**
 * One request, as the host tells of it on the tracing channel `syncless.http` of `node:diagnostics_channel`: `start` and
 * `end` around the call of the app, `error` when a handler threw or a tasklet failed, `asyncStart` and `asyncEnd` when
 * the response has ended or its client is gone. It is the same object each time.
 */
export interface RequestTrace {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** The path of the mount that serves it; of several in turn, the last. */
  readonly mount: string
  /** What it failed with, if it did. An app that answers its own errors, as Express and Fastify do, does not tell. */
  error?: unknown
  /** At the end: whether the response was ended, or its client left before that. */
  outcome?: 'ended' | 'gone'
  /**
   * To be called during `start`: the app is called by `around`, which calls `run` once, within a context of its own. For
   * tracers whose context is no AsyncLocalStorage that they could bind to the channel.
   */
  within(around: (run: () => void) => void): void
}
