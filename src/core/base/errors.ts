/**
 * All errors that the package throws. `docs/errors.md` mirrors this list, and a test keeps the two equal. A code never
 * changes its meaning; the wording of a message may change.
 */
export const errorCodes = {
  ACCEPT_FAILED: 'The system could not accept a connection, for example because no file descriptors are left.',
  ADDRESS_IN_USE: 'A server cannot listen on an address: another one has it, or the process may not use it.',
  ALREADY_CONSUMED:
    'A second consumer was given a channel, a request body or a socket that has a consumer already. Use broadcast() to give each consumer of a channel its own copy.',
  AMBIGUOUS_PATH:
    'The host refused a request: two apps, one of which hands over to the other, read its path differently.',
  APP_ALREADY_READY: 'A Fastify instance was mounted after it became ready. The host can no longer drive it then.',
  BLOCK_TRAP: 'A tasklet with block_trap was about to block. Only in syncless/stackless.',
  BODY_TOO_LARGE: 'The body of a request is larger than the limit of its host or mount.',
  BUSY: 'Another operation already waits for the bytes of the socket or stream, or is sending many.',
  CERTIFICATE_REJECTED:
    'The certificate of a peer was rejected: its issuer is unknown, it has expired, or it is for another name.',
  CHANNEL_CANCELLED: 'The receiver of the channel cancelled it: it takes no more items.',
  CHANNEL_CLOSED: 'The producer closed the channel.',
  CLIENT_GONE: 'The client left before its response had ended.',
  CONNECT_FAILED: 'No connection could be made: the peer refused it, is unreachable, or its name does not exist.',
  DEADLOCK: 'A main() of syncless/stackless has no runnable tasklet left, and waits for nothing outside it.',
  DEAD_TASKLET:
    'A tasklet of syncless/stackless that has ended, or has no function, was told to run or to take an error.',
  DUPLICATE_PACKAGE:
    'One process has loaded two copies of syncless. Each copy has its own loop and cannot see the tasklets of the other.',
  CLOSE_FAILED: 'A host closed, but could not leave the file of a Unix socket in the right state.',
  FILE_CLOSED: 'Something was written to a file after its close().',
  FRAME_INVALID: 'A stream carried bytes that its decoder cannot decode, or ended in the middle of a value.',
  FRAME_TOO_LARGE: 'A line, an event or a frame of a stream is larger than its decoder allows.',
  HANDLER_FAILED: 'A mounted handler threw, or a tasklet of a request failed.',
  HAND_OVER_LIMIT: 'An app had read a request body that is too large to hand over to the next app.',
  HOST_LOOP: 'A request reached the same host twice: one of its own apps called the handler of the host.',
  HOST_STATE: 'The host cannot do this in its present state, for example listen() a second time.',
  HTTP2_UNSUPPORTED: 'An app that can be served over HTTP/1 only was mounted on a host that speaks HTTP/2.',
  INJECT_FAILED:
    'A request in memory got no complete answer: the connection was broken off, or switched to another protocol.',
  INVALID_ARGUMENT: 'An argument has the wrong type or is out of range.',
  LEAK: 'Code under assertNoLeaks() of syncless/testing left something behind.',
  LOOKUP_FAILED: 'A name or an address could not be looked up: no server answered, or the answer was invalid.',
  MALFORMED_BODY: 'The body of a request is not in the format in which it is read.',
  MALFORMED_REQUEST: 'A client sent bytes that are not a valid HTTP request.',
  MISUSE: 'An operation was used in a way that cannot work, such as with a plain yield or outside a tasklet.',
  MOUNT_TAKEN: 'Two apps were mounted at the same path, and the first does not hand over to the second.',
  NAME_NOT_FOUND: 'The name, the address or a record of that kind does not exist.',
  OP_REUSED: 'A one-shot operation was performed a second time, while it waits or after it has settled.',
  OVERFLOW:
    "A source sent more than a channel holds: the source cannot be paused and the overflow policy is 'error', or the source can be paused and did not wait.",
  PACKAGE_MISSING: 'An optional peer dependency is needed, but not installed.',
  PATH_MISMATCH: 'An app hands over to another app that treats paths as equal which the first one tells apart.',
  PEER_GONE: 'The other side of a bridge left without notice: its port was closed, or its worker or process ended.',
  POOL_DESTROYED: 'A thread pool was destroyed before a task had its result, or was given a task after that.',
  PROCESS_FAILED: 'A process did not end with code 0.',
  READ_LIMIT: 'A line, a message or a whole stream has more bytes than the read allows. The bytes stay unread.',
  SCOPE_CLOSED: 'A tasklet or a bridge was started in a scope that has ended, or a bridge ended with its scope.',
  SEND_FAILED: 'A datagram could not be sent: it is too large or not allowed, or its target was not found.',
  SOCKET_BROKEN:
    'A connection was broken from outside: by its peer, by the network, or by code that destroyed its stream.',
  SOCKET_CLOSED: 'This side closed a socket, or one direction of it: with close() or shutdown(), or with its scope.',
  SOCKET_DISCONNECTED:
    'A socket of Socket.IO lost its connection although neither side ended it, or could not connect.',
  SOURCE_FAILED: 'The source of a bridge reported a failure without an error.',
  SPAWN_FAILED: 'A process could not be started.',
  STALE_SOCKET: 'The host was told to listen at a Unix socket that an ended process has left behind.',
  STARTTLS_PLAINTEXT: 'Bytes arrived in the clear before the TLS handshake of a connection began; they may be forged.',
  STOP_ITERATION: 'The sender of a channel of syncless/stackless ended the iteration of its receiver.',
  SWITCH_TRAP: 'Tasklets were about to switch while switch_trap forbids it. Only in syncless/stackless.',
  TASKLET_COLLECTED:
    'A blocked tasklet was garbage-collected: nothing was left that could wake it. Its finally blocks did not run.',
  TASKLET_EXIT: 'The tasklet was asked to end. The error is thrown only inside that tasklet.',
  TASKLET_KILLED: 'A killed tasklet was joined.',
  TASKLET_STATE: 'A tasklet of syncless/stackless cannot do this in its present state.',
  TIMEOUT: 'The time allowed for an operation ran out.',
  TLS_HANDSHAKE_FAILED: 'The handshake of a secure connection failed or was not completed.',
  TRUST_MISMATCH: 'Two apps of one host trust different proxies to tell them about clients.',
  UNEXPECTED_END: 'A stream ended before it had sent all the bytes that a read needs.',
  UNKILLABLE: 'A killed tasklet did not end: it caught its exit again and again after its grace period.',
  UNKNOWN_APP: 'No adapter recognises the app that was mounted.',
  UNRECEIVED_ERROR: 'A channel was closed with an error that no receiver got.',
  UPGRADE_TAKEN: 'Two mounts claim the upgrades of one path, or two listeners answered one upgrade.',
  WEBSOCKET_CLOSED: 'A WebSocket was closed with a code other than a normal end, or its connection failed or broke.',
} as const

/** The `code` of a {@link SynclessError}. */
export type ErrorCode = keyof typeof errorCodes

/**
 * An error of the package. Match on `code`, which is stable, and not on the message.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { sleep, SynclessError } from 'syncless'
 *
 * try {
 *   sleep(Number.NaN)
 * } catch (error) {
 *   assert(error instanceof SynclessError && error.code === 'INVALID_ARGUMENT')
 * }
 * ```
 */
export class SynclessError extends Error {
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }

  override get name(): string {
    return this.constructor.name
  }
}

/** The error of a receive at the end of a closed channel, and of every send after `close()`. Code `CHANNEL_CLOSED`. */
export class ChannelClosed extends SynclessError {
  constructor(message: string) {
    super('CHANNEL_CLOSED', message)
  }
}

/** The error of a send after the consumer called `cancel(reason)`; the reason is the `cause`. Code `CHANNEL_CANCELLED`. */
export class ChannelCancelled extends SynclessError {
  constructor(message: string, reason: unknown) {
    super('CHANNEL_CANCELLED', message, { cause: reason })
  }
}

/** The error at the boundary of a `timeout()` or a `deadline()`. Code `TIMEOUT`. */
export class TimeoutError extends SynclessError {
  /**
   * The time that was allowed, in ms. For a deadline: the time that was left when the work began; 0 if the deadline had
   * passed.
   */
  readonly ms: number
  /** The deadline, in milliseconds since 1970; null for a `timeout()`. */
  readonly at: number | null

  constructor(ms: number, what: string, at: number | null = null) {
    super('TIMEOUT', at === null ? `${what} took longer than ${ms} ms` : `${what} was not over by ${instant(at)}`)
    this.ms = ms
    this.at = at
  }
}

/** @internal Returns an absolute time as a text for people. */
export function instant(at: number): string {
  // A `Date` cannot hold a later time.
  return Math.abs(at) <= 8.64e15 ? new Date(at).toISOString() : String(at)
}

/**
 * The error of joining a killed tasklet: an ordinary error. The exit that the tasklet took is the `cause`. Code
 * `TASKLET_KILLED`.
 */
export class TaskletKilled extends SynclessError {
  constructor(name: string, exit: unknown) {
    super('TASKLET_KILLED', `tasklet "${name}" was killed`, { cause: exit })
  }
}

/** The kind of request that asked a tasklet to end. */
export type ExitSource = 'kill' | 'cancel' | 'failure' | 'timeout'

/**
 * The exit that a kill throws, once, where the tasklet waits. It is meant for that tasklet alone: let it pass. Begin a
 * `catch` that takes every error with {@link rethrowIfExit}. Code `TASKLET_EXIT`. Semantics: Stackless `TaskletExit`.
 */
export class TaskletExit extends SynclessError {
  /** The reason that the caller gave to `kill(reason)` or `cancel(reason)`, if any. */
  readonly reason: unknown
  readonly source: ExitSource

  constructor(source: ExitSource, reason?: unknown, message = 'the tasklet was killed') {
    super('TASKLET_EXIT', message, reason === undefined ? undefined : { cause: reason })
    this.source = source
    this.reason = reason
  }
}

/** The exit that a scope throws into its tasklets when it is cancelled, fails or runs out of time. */
export class Cancelled extends TaskletExit {
  /** The scope that was cancelled; only this scope swallows the exit. */
  readonly scope: object

  constructor(scope: object, source: ExitSource, reason?: unknown) {
    super(source, reason, `the scope was cancelled (${source})`)
    this.scope = scope
  }
}

/**
 * Returns whether `error` is the exit of a killed tasklet. A `catch` has to let such an exit pass.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { go, isTaskletExit, never, schedule } from 'syncless'
 *
 * const log: string[] = []
 * const t = go(function* () {
 *   try {
 *     yield* never
 *   } catch (error) {
 *     log.push(isTaskletExit(error) ? `asked to end: ${error.reason}` : 'failed')
 *     throw error
 *   }
 * })
 * await schedule()
 * await t.kill('enough')
 * assert.deepEqual(log, ['asked to end: enough'])
 * ```
 */
export function isTaskletExit(error: unknown): error is TaskletExit {
  try {
    return error instanceof TaskletExit
  } catch {
    // A proxy may refuse to be looked into.
    return false
  }
}

/**
 * Throws `error` again if it is the exit of a killed tasklet. JavaScript has no exception that a bare `catch` lets
 * pass, so a `catch` around an operation begins with this call.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { channel, go, rethrowIfExit } from 'syncless'
 *
 * const ch = channel()
 * const t = go(function* () {
 *   for (;;) {
 *     try {
 *       yield* ch.receive()
 *     } catch (error) {
 *       rethrowIfExit(error)
 *       console.error(error)
 *     }
 *   }
 * })
 * setImmediate(() => t.kill())
 * await assert.rejects(async () => t, { code: 'TASKLET_KILLED' })
 * ```
 */
export function rethrowIfExit(error: unknown): void {
  if (isTaskletExit(error)) throw error
}

/**
 * @internal Returns whether `error` says that something was aborted. Node's own abort errors are no `Error` in another
 * realm, such as jest's.
 */
export function isAbortError(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'name' in error && error.name === 'AbortError'
}
