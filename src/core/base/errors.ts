/**
 * Every error that the package throws, in one place. `docs/errors.md` mirrors this list, and a test keeps the two equal.
 * A code never changes its meaning; the wording of a message may.
 */
export const errorCodes = {
  ACCEPT_FAILED: 'The system could not accept a connection, such as for want of file descriptors.',
  ADDRESS_IN_USE: 'The address that was to be listened on is taken, or may not be used.',
  ALREADY_CONSUMED:
    'A channel, the body of a request, or a socket has a consumer and was given to a second one. Use broadcast() to give each consumer of a channel its own copy.',
  AMBIGUOUS_PATH: 'A request was refused whose path two apps, of which one hands over to the other, read differently.',
  APP_ALREADY_READY:
    'A Fastify instance was mounted after it became ready, when it can no longer be driven by the host.',
  BLOCK_TRAP: 'A tasklet that is not to be blocked would have been. Only in syncless/stackless.',
  BODY_TOO_LARGE: 'The body of a request was larger than the limit of its host or mount.',
  BUSY: 'Another operation waits for the bytes of the socket, or stream, already, or sends many.',
  CERTIFICATE_REJECTED: 'The certificate of a peer was not accepted: unknown issuer, expired, or of another name.',
  CHANNEL_CANCELLED: 'The receiving side of the channel said that it wants nothing more.',
  CHANNEL_CLOSED: 'The channel was closed by its producer.',
  CLIENT_GONE: 'The client left before its response had ended.',
  CONNECT_FAILED: 'No connection could be made: refused, unreachable, or no such name.',
  DEADLOCK: 'Nothing that is runnable is left in a main() of syncless/stackless, and nothing outside it is waited for.',
  DEAD_TASKLET: 'A tasklet of syncless/stackless that has ended, or has no function, was to run or to take an error.',
  DUPLICATE_PACKAGE:
    'Two copies of syncless are loaded in one process; each has its own loop, and they cannot see each other.',
  CLOSE_FAILED: 'A host closed, and could not leave the file of a Unix socket as it should be.',
  FILE_CLOSED: 'Something was written to a file after its close().',
  FRAME_INVALID: 'A stream carried bytes that its decoder has no value for, or ended in the middle of a value.',
  FRAME_TOO_LARGE: 'A line, an event or a frame of a stream was larger than its decoder allows.',
  HANDLER_FAILED: 'A mounted handler threw, or a tasklet of a request failed.',
  HAND_OVER_LIMIT: 'An app had read a body that was too large to be handed over to the next app.',
  HOST_LOOP: 'A request reached a host again, by the handler of the host in one of its own apps.',
  HOST_STATE: 'The host was asked for something that its present state forbids, such as a second listen().',
  HTTP2_UNSUPPORTED: 'An app that can be served over HTTP/1 only was mounted on a host that speaks HTTP/2.',
  INJECT_FAILED: 'A request in memory got no whole answer: the connection was broken off, or changed its protocol.',
  INVALID_ARGUMENT: 'An argument has the wrong type or is out of range.',
  LEAK: 'Something was left behind where assertNoLeaks() of syncless/testing forbids it.',
  LOOKUP_FAILED: 'A name or an address could not be looked up: nobody answered, or the answer made no sense.',
  MALFORMED_BODY: 'The body of a request is not in the format in which it was to be read.',
  MALFORMED_REQUEST: 'A client sent bytes that are not an HTTP request.',
  MISUSE: 'An operation was performed in a way that cannot work, such as a plain yield or outside a tasklet.',
  MOUNT_TAKEN: 'Two apps were mounted at the same path, and the first does not hand over to the second.',
  NAME_NOT_FOUND: 'There is no such name or address, or no record of that kind.',
  OP_REUSED: 'A one-shot operation was performed while it waits, or after it had settled.',
  OVERFLOW:
    "A source that cannot be paused outran a channel whose overflow policy is 'error', or one that can did not wait.",
  PACKAGE_MISSING: 'A package is needed that is not installed: an optional peer dependency.',
  PATH_MISMATCH: 'An app hands over to another that takes paths for the same which the first tells apart.',
  PEER_GONE: 'The other side of a bridge went without a word: its port was closed, its worker or process ended.',
  POOL_DESTROYED: 'A thread pool was destroyed before a task of it had its result, or was given one after that.',
  PROCESS_FAILED: 'A process did not end with code 0.',
  READ_LIMIT: 'A line, a message or a whole stream had more bytes than a read allows; they are still to be read.',
  SCOPE_CLOSED: 'A tasklet or a bridge was started in a scope that has ended, or a bridge ended with its scope.',
  SEND_FAILED: 'A datagram could not be sent: too large, not allowed, or to a name that was not found.',
  SOCKET_BROKEN:
    'A connection was broken from outside: by its peer, by the network, or by whoever destroyed its stream.',
  SOCKET_CLOSED: 'A socket, or one side of it, was closed here: by close() or shutdown(), or with its scope.',
  SOCKET_DISCONNECTED: 'A socket of Socket.IO was disconnected by no wish of its two sides, or could not connect.',
  SOURCE_FAILED: 'The source of a bridge told that it had failed, and gave no error.',
  SPAWN_FAILED: 'A process could not be started.',
  STALE_SOCKET: 'The host was told to listen at a Unix socket that a process has left behind.',
  STARTTLS_PLAINTEXT: 'Bytes had arrived in the clear when a connection was to be secured; they may be forged.',
  STOP_ITERATION: 'The sender of a channel of syncless/stackless ended the iteration of its receiver.',
  SWITCH_TRAP: 'Tasklets would have switched while switch_trap forbids it. Only in syncless/stackless.',
  TASKLET_COLLECTED:
    'A blocked tasklet was garbage-collected: nothing was left that could wake it. Its finally blocks did not run.',
  TASKLET_EXIT: 'The tasklet was asked to end. It is thrown only inside the tasklet it is meant for.',
  TASKLET_KILLED: 'A tasklet was joined that had been killed.',
  TASKLET_STATE: 'A tasklet of syncless/stackless was asked for something that its present state forbids.',
  TIMEOUT: 'The time allowed for an operation ran out.',
  TLS_HANDSHAKE_FAILED: 'The handshake of a secure connection failed, or was not completed.',
  TRUST_MISMATCH: 'Two apps of one host believe different proxies about their clients.',
  UNEXPECTED_END: 'A stream ended before the bytes were there that had to be read.',
  UNKILLABLE: 'A killed tasklet did not end: it caught its exit again and again after its grace period.',
  UNKNOWN_APP: 'The host was given something to mount that no adapter recognises.',
  UNRECEIVED_ERROR: 'A channel was closed with an error that nobody received.',
  UPGRADE_TAKEN: 'Two mounts claim the upgrades of one path, or two listeners answered one upgrade.',
  WEBSOCKET_CLOSED: 'A WebSocket was closed with a code that is no normal end, or its connection failed or broke.',
} as const

/** The `code` of a {@link SynclessError}. */
export type ErrorCode = keyof typeof errorCodes

/**
 * An error thrown by the package. Match on `code`, which is stable, not on the message.
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

/** Thrown by a receive at the end of a closed channel, and by every send after `close()`. Code `CHANNEL_CLOSED`. */
export class ChannelClosed extends SynclessError {
  constructor(message: string) {
    super('CHANNEL_CLOSED', message)
  }
}

/** Thrown by a send after the consumer's `cancel(reason)`; the reason is the `cause`. Code `CHANNEL_CANCELLED`. */
export class ChannelCancelled extends SynclessError {
  constructor(message: string, reason: unknown) {
    super('CHANNEL_CANCELLED', message, { cause: reason })
  }
}

/** Thrown at the boundary of a `timeout()` or a `deadline()`. Code `TIMEOUT`. */
export class TimeoutError extends SynclessError {
  /** The time that was allowed; of a deadline, what was left of it when the work began, and 0 if it had passed. */
  readonly ms: number
  /** The deadline, in milliseconds since 1970; null for a `timeout()`. */
  readonly at: number | null

  constructor(ms: number, what: string, at: number | null = null) {
    super('TIMEOUT', at === null ? `${what} took longer than ${ms} ms` : `${what} was not over by ${instant(at)}`)
    this.ms = ms
    this.at = at
  }
}

/** @internal An absolute time for people. */
export function instant(at: number): string {
  // Beyond this there are no dates.
  return Math.abs(at) <= 8.64e15 ? new Date(at).toISOString() : String(at)
}

/** Thrown when a killed tasklet is joined: an ordinary error. The exit it took is the `cause`. Code `TASKLET_KILLED`. */
export class TaskletKilled extends SynclessError {
  constructor(name: string, exit: unknown) {
    super('TASKLET_KILLED', `tasklet "${name}" was killed`, { cause: exit })
  }
}

/** Who asked a tasklet to end. */
export type ExitSource = 'kill' | 'cancel' | 'failure' | 'timeout'

/**
 * What a kill throws, once, where the tasklet waits. It is meant for that tasklet alone: let it pass.
 * A `catch` that takes every error should begin with {@link rethrowIfExit}.
 * Semantics: Stackless `TaskletExit`.
 */
export class TaskletExit extends SynclessError {
  /** What the caller of `kill(reason)` or `cancel(reason)` gave, if anything. */
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
  /** The scope that was cancelled; only it swallows this exit. */
  readonly scope: object

  constructor(scope: object, source: ExitSource, reason?: unknown) {
    super(source, reason, `the scope was cancelled (${source})`)
    this.scope = scope
  }
}

/**
 * Whether `error` is the exit of a killed tasklet, which a `catch` has to let pass.
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
  return error instanceof TaskletExit
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

/** @internal Whether `error` says that something was aborted. Node's own are no `Error` of another realm, such as jest's. */
export function isAbortError(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'name' in error && error.name === 'AbortError'
}
