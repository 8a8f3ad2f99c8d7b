/** What the facade throws. The messages are those of the original; the codes are in `core/errors.ts`. */
import { SynclessError, TaskletExit } from '../../core/base/errors.js'

/** Why nothing can go on: see {@link DeadlockError}. */
export type DeadlockKind = 'blocked' | 'receiving' | 'sending'

const deadlocks: Readonly<Record<DeadlockKind, string>> = {
  blocked: 'Deadlock: the last runnable tasklet cannot be blocked.',
  receiving: 'the main tasklet is receiving without a sender available.',
  sending: 'the main tasklet is sending without a receiver available.',
}

/**
 * Nothing can go on. `blocked`: the last runnable tasklet was about to block, and gets this in place. `receiving` and
 * `sending`: the last runnable tasklet has ended while main (or the innermost caller of `run()`) was blocked, which
 * gets this. Code `DEADLOCK`. Semantics: `check_for_deadlock` and `tasklet_end` in Stackless' scheduling.c.
 */
export class DeadlockError extends SynclessError {
  readonly kind: DeadlockKind

  constructor(kind: DeadlockKind) {
    super('DEADLOCK', deadlocks[kind])
    this.kind = kind
  }
}

/** Sent over a channel, it ends the receiver's iteration. Code `STOP_ITERATION`. Semantics: Python's. */
export class StopIteration extends SynclessError {
  constructor(message = 'the iteration has ended') {
    super('STOP_ITERATION', message)
  }
}

/** A class of errors, as `raiseException` and `sendException` take it, with the arguments of its constructor. */
export type ErrorClass<A extends unknown[]> = new (...args: A) => Error

/** @internal What is thrown: an error is itself, a class of errors is made into one. */
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
