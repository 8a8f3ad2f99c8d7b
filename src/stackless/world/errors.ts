/** The errors of the facade. The messages are those of the original; the codes are in `core/errors.ts`. */
import { SynclessError, TaskletExit } from '../../core/base/errors.js'

/** The kind of a deadlock: see {@link DeadlockError}. */
export type DeadlockKind = 'blocked' | 'receiving' | 'sending'

const deadlocks: Readonly<Record<DeadlockKind, string>> = {
  blocked: 'Deadlock: the last runnable tasklet cannot be blocked.',
  receiving: 'the main tasklet is receiving without a sender available.',
  sending: 'the main tasklet is sending without a receiver available.',
}

/**
 * The error of a deadlock: nothing can go on. With `blocked`, the last runnable tasklet was about to block, and gets the
 * error in place. With `receiving` and `sending`, the last runnable tasklet has ended while main (or the innermost
 * caller of `run()`) was blocked; main, or that caller, gets the error. Code `DEADLOCK`. Semantics: `check_for_deadlock`
 * and `tasklet_end` in Stackless' scheduling.c.
 */
export class DeadlockError extends SynclessError {
  readonly kind: DeadlockKind

  constructor(kind: DeadlockKind) {
    super('DEADLOCK', deadlocks[kind])
    this.kind = kind
  }
}

/**
 * The error that ends the receiver's iteration when it is sent over a channel. Code `STOP_ITERATION`. Semantics:
 * Python's.
 */
export class StopIteration extends SynclessError {
  constructor(message = 'the iteration has ended') {
    super('STOP_ITERATION', message)
  }
}

/** A class of errors for `raiseException` and `sendException`, with the arguments of its constructor. */
export type ErrorClass<A extends unknown[]> = new (...args: A) => Error

/** @internal Returns the error to throw: an error itself, or a new error of a class of errors. */
export function toError(thrown: unknown, args: readonly unknown[] = []): unknown {
  if (thrown === TaskletExit && args.length === 0) return new TaskletExit('kill')
  return isErrorClass(thrown) ? new thrown(...args) : thrown
}

function isErrorClass(value: unknown): value is ErrorClass<unknown[]> {
  return typeof value === 'function' && (value === Error || value.prototype instanceof Error)
}

/** @internal */
export function stateError(message: string): SynclessError {
  return new SynclessError('TASKLET_STATE', message)
}

/** @internal */
export function deadTasklet(message: string): SynclessError {
  return new SynclessError('DEAD_TASKLET', message)
}

/** @internal */
export function blockTrapped(): SynclessError {
  return new SynclessError('BLOCK_TRAP', 'this tasklet does not like to be blocked.')
}

/** @internal */
export function switchTrapped(): SynclessError {
  return new SynclessError('SWITCH_TRAP', 'switch_trap')
}

/** @internal */
export function misuse(message: string): SynclessError {
  return new SynclessError('MISUSE', message)
}

/** @internal */
export function invalid(message: string): SynclessError {
  return new SynclessError('INVALID_ARGUMENT', message)
}
