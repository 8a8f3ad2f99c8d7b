/**
 * The two contracts of an adapter: a *flow port* bridges sequences of values, a *host port* lets a host serve an app.
 * An adapter implements one or both, and imports only this file and the core. The last part describes a request to
 * the tracers of a host.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Receiver, Sender } from '../core/channel/channel.js'
import type { Tasklet } from '../core/tasklet/tasklet.js'

/**
 * The capabilities of a medium. The contract for all flow ports (test/adapters/contract) and the compatibility matrix
 * derive from them which guarantees hold, and check those.
 */
export interface FlowCapabilities {
  /** Whether the source can be made to wait. A source that cannot wait has no `'block'` overflow policy. */
  readonly pausable: boolean
  /** The bridges out of a channel whose consumer can make the channel wait. */
  readonly holdsBack: readonly ('fromChannel' | 'drainTo' | 'connect')[]
  /** Whether a source serves several bridges, each of which gets everything. If not, a second bridge is refused. */
  readonly multicast: boolean
  /** How an error crosses: as the same object, as its message only, or not at all. */
  readonly errors: 'identity' | 'message' | 'none'
  /** Whether the end of the sequence crosses. */
  readonly ends: boolean
  /** Whether the consumer can tell the producer that it wants no more values. */
  readonly cancels: boolean
  /** Whether the producer learns that a value was taken. */
  readonly ack: boolean
}

/**
 * The names under which every flow adapter exports its bridges: `import * as rx from 'syncless/rx'` is a flow port.
 * An adapter leaves out the bridges that its library cannot support. Parameters are `never` here because each port
 * narrows them.
 */
export interface FlowPort {
  readonly capabilities: FlowCapabilities
  /** Bridges a native source to a channel. A hot source is subscribed at once, a cold source at the first receive. */
  toChannel?(source: never, ...options: never[]): Receiver<unknown>
  /** Bridges a channel to a native source. It serves one consumer; a second one gets `ALREADY_CONSUMED`. */
  fromChannel?(receiver: never, options: never): unknown
  /** Bridges a channel to an existing sink. The tasklet ends when the channel has ended. */
  drainTo?(receiver: never, sink: never, ...options: never[]): Tasklet<unknown>
  /** Bridges a source and sink in one, such as a duplex stream. */
  connect?(duplex: never, options: never): { readonly incoming: Receiver<unknown>; readonly outgoing: Sender<never> }
}

/**
 * The server that one mount of a host sees in place of its own: an `http.Server` that never binds. The host emits
 * `request`, `upgrade`, `checkContinue` and `checkExpectation` on it.
 */
export interface MountServer extends Server {
  /** The mount path, without a slash at its end, except for `/` itself. */
  readonly path: string
  /** Whether `listen()` was called on it. */
  readonly listenRequested: boolean
  /** Refuses this mount's new requests with 503, and resolves when no response of it is in flight. Idempotent. */
  quiesce(): Promise<void>
  /** Whether requests that the app declines may go on to another app. */
  readonly handsOver: boolean
  /**
   * Returns whether another app comes after this one for the request. If not, the app answers the request itself, as
   * it would alone.
   */
  hasNext(req: IncomingMessage): boolean
  /** Passes the request to the next app. The response must not have begun. The headers of a reply go along. */
  passOn(of: IncomingMessage | PendingReply): void
  /**
   * Passes the request on as `passOn` does, for an app that continues when the next app has decided on its answer.
   * That answer is held until it is released, so that headers can still be added to it.
   */
  passOnAndHold(req: IncomingMessage): HeldPass
  /** Whether the app's hooks in front of its routes run for a request that it hands over. */
  readonly runsHooks: boolean
}

/** A request that was passed to another app, whose answer is held. */
export interface HeldPass {
  /** Resolves when the next app has decided on its answer, or when no answer will come. */
  readonly decided: PromiseLike<void>
  /** Lets the answer go out. */
  release(): void
}

/** A reply in which a framework keeps the headers that it would send, such as Fastify's. */
export interface PendingReply {
  readonly raw: ServerResponse
  /** Whether the reply was sent already, or the framework may not send it. */
  readonly sent: boolean
  /** Keeps the framework from answering. */
  hijack(): unknown
  getHeaders(): object
  /** Makes the framework answer without a body. Its hooks may still add headers. */
  send(): unknown
}

/** The prototypes of the requests and responses of an app that has its own. */
export interface MessagePrototypes {
  readonly request: object
  readonly response: object
}

/**
 * A trait in which two paths may differ although an app treats them as the same: `/Admin`, `/admin/`, `//admin`,
 * `/admin;x` and `/admin.x` for `/admin`.
 */
export type PathTrait = 'case' | 'trailing-slash' | 'duplicate-slashes' | 'semicolon' | 'extension'

/** The way in which an app treats one trait of paths. */
export interface PathRule {
  /** Whether the app treats such paths as the same; `'partly'` if only some of its routers do. */
  readonly ignored: 'always' | 'never' | 'partly'
  /**
   * The setting with which the app would always ignore the trait, for messages. Left out if the app has no such
   * setting.
   */
  readonly toIgnore?: string
  /** The setting with which the app would never ignore the trait. */
  readonly toTell?: string
}

/**
 * The proxies whose `X-Forwarded-*` headers an app trusts: all, none, a number of proxies nearest to the app, a list
 * of addresses and subnets, or those that a function of its own accepts.
 */
export type TrustPolicy = boolean | number | ReadonlySet<string> | ((...args: never) => unknown)

/**
 * The reading of an app whose handling of paths is unknown. It may decode or resolve a path, and no other app is
 * taken to read paths alike.
 */
export const UNKNOWN = 'unknown'

/** The policy of an app towards its requests, as its settings say it. A member that is left out is unknown. */
export interface AppPolicy {
  /**
   * A name for the way in which the app gets the path of a request target. Apps with the same name read every target
   * alike, except those that are `UNKNOWN`. Left out: the app uses the path as it was sent, up to the query.
   */
  readonly reading?: string
  /** Whether the app may take its path from another part of a request than its target: a header, or the host. */
  readonly beyondTarget?: boolean
  /** The paths that its own mounts with `strip` take off its targets, in turn. */
  readonly strips?: readonly string[]
  readonly paths?: Readonly<Partial<Record<PathTrait, PathRule>>>
  readonly trust?: TrustPolicy
  /**
   * The maximum number of characters in a decoded route parameter. The app has no route for a longer one. Left out if
   * the app has no bound, or answers such a request.
   */
  readonly longestParameter?: number
}

/** An app that has been opened on a mount server. */
export interface MountedApp {
  /**
   * The prototypes that the app gives to its messages. If the app is alone, the messages can be made with them from
   * the start.
   */
  readonly prototypes?: MessagePrototypes
  /**
   * Serves a request; it never throws and never rejects. An app that can decline calls `next`: without an error if it
   * found nothing for the request, with an error if it failed. A `handle` that declares two parameters never
   * declines, and the host makes no `next` for it. Left out if the app itself listens to the events of the mount
   * server.
   */
  handle?(req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void): void
  /**
   * Returns whether the app upgrades only complete WebSocket handshakes. It would serve any other offer as a plain
   * request, so the host treats such an offer as a request. Left out if the app takes every offer that its server
   * gets.
   */
  takesWebSocketsOnly?(): boolean
  /** Resolves when the app can serve. Until then its requests get 503. A rejection fails the start of the host. */
  ready?(): Promise<void>
  /**
   * Closes the app. Resolves when its requests are over and its own cleanup has run. The host calls it once, and
   * destroys what is left after `deadline` milliseconds.
   */
  close?(deadline: number): Promise<void>
}

/** The way to host one kind of app. The host knows this contract and never a framework. */
export interface HostPort {
  /** The name of the kind, for messages. */
  readonly name: string
  /** Whether `app` is of this kind. Exactly one port may say so. */
  accepts(app: unknown): boolean
  /**
   * Returns the policy of an accepted app; for an app that consists of several apps, the policy of each. `server` is
   * the server of the app, now or later. Called when the app is ready.
   */
  policies?(app: unknown, server: object): Iterable<AppPolicy>
  /** The reason why apps of this kind cannot be served over HTTP/2. Left out if they can. */
  readonly http1Only?: string
  /** Binds an accepted app to its mount server. Throws a `SynclessError` if the app is in no state to be hosted. */
  open(app: unknown, server: MountServer): MountedApp
  /**
   * Watches for an app whose framework gets its server from a factory. It is called while the factory runs, returns
   * at once, and calls `found` with the app once the app exists. `options` are those with which the factory was
   * called.
   */
  watch?(server: MountServer, found: (app: unknown) => void, options?: unknown): void
}

/**
 * One request, as the host publishes it on the tracing channel `syncless.http` of `node:diagnostics_channel`. `start`
 * and `end` come around the call of the app. `error` comes when a handler threw or a tasklet failed. `asyncStart` and
 * `asyncEnd` come when the response has ended or its client is gone. The object is the same each time.
 */
export interface RequestTrace {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** The path of the mount that serves the request; after a hand-over, that of the last mount. */
  readonly mount: string
  /**
   * The error of the request, if it failed. An app that answers its own errors, as Express and Fastify do, does not
   * report them.
   */
  error?: unknown
  /** Set at the end: whether the response was ended, or the client left before that. */
  outcome?: 'ended' | 'gone'
  /**
   * Sets the context of the app's call; to be called during `start`. The app is called by `around`, which calls `run`
   * once, within a context of its own. Use it in tracers whose context is no AsyncLocalStorage that could be bound to
   * the channel.
   */
  within(around: (run: () => void) => void): void
}
