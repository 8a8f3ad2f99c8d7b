/** Channels whose source cannot be asked to wait: event emitters, event targets. */

import { SynclessError } from '../../../core/base/errors.js'
import { type Channel, channel, type Receiver } from '../../../core/channel/channel.js'
import { assertOverflow, type Overflow, offer } from '../../../core/channel/overflow.js'
import { whenSettled } from '../../../core/loop/latched.js'
import { bondToScope } from '../../../core/scope/scope-bond.js'
import { assertCapacity } from './demand-channel.js'
import { assertNotAborted, Listeners } from './listeners.js'
import { asFailure } from './source-error.js'

/** The options that every bridge from a source that pushes has. */
export interface PushOptions {
  /** How many values are kept for a receiver that is not there yet. */
  capacity: number
  /** What happens to a value for which there is no room: the source cannot be told to wait. */
  overflow: Overflow
  /** Ends the channel with the signal's reason, as an error, when it aborts. */
  signal?: AbortSignal
  /** A name for descriptions and dumps. */
  name?: string
}

/** Where a source puts its values. */
export interface Intake<T> {
  /** Takes what `make` makes of an event. What that throws ends the channel. */
  offer(make: () => T): void
  end(): void
  fail(error: unknown): void
  /** Until the channel ends. */
  readonly listeners: Listeners
}

/**
 * A channel that `attach` has the source fill. The listeners are removed in the turn in which the channel ends: by
 * its source, its receiver, its scope, or the signal. Throws `INVALID_ARGUMENT` for wrong options, `SCOPE_CLOSED` if
 * the scope has ended, and the reason of a signal that has aborted.
 */
export function pushChannel<T>(
  options: PushOptions,
  fallbackName: string,
  attach: (intake: Intake<T>) => void,
): Receiver<T> {
  if (typeof options !== 'object' || options === null) {
    throw new SynclessError('INVALID_ARGUMENT', 'toChannel() takes options: { capacity, overflow }')
  }
  const { capacity, overflow, signal, name = fallbackName } = options
  assertCapacity(capacity)
  assertOverflow(overflow, capacity)
  assertNotAborted(signal, 'toChannel()')
  const values = channel<T>(capacity, { name })
  const listeners = new Listeners()
  const release = bondToScope(`the bridge "${name}"`, error => values.close(error))
  whenSettled(values.ended, () => {
    release()
    listeners.clear()
  })
  const intake = new ChannelIntake(values, overflow, listeners)
  try {
    onAbort(signal, listeners, reason => intake.fail(reason))
    attach(intake)
  } catch (error) {
    values.close()
    throw error
  }
  return values
}

/** Calls `aborted` when the signal does, if there is one. */
export function onAbort(
  signal: AbortSignal | undefined,
  listeners: Listeners,
  aborted: (reason: unknown) => void,
): void {
  if (signal === undefined) return
  const listener = () => aborted(signal.reason)
  listeners.add(
    () => signal.addEventListener('abort', listener),
    () => signal.removeEventListener('abort', listener),
    signal,
  )
}

class ChannelIntake<T> implements Intake<T> {
  readonly listeners: Listeners
  readonly #values: Channel<T>
  readonly #overflow: Overflow

  constructor(values: Channel<T>, overflow: Overflow, listeners: Listeners) {
    this.#values = values
    this.#overflow = overflow
    this.listeners = listeners
  }

  offer(make: () => T): void {
    // An event that is being emitted still reaches listeners that were removed meanwhile.
    if (this.#values.closed) return
    try {
      offer(this.#values, make(), this.#overflow)
    } catch (error) {
      this.#values.close(asFailure(error, `"${this.#values.name}"`))
    }
  }

  end(): void {
    this.#values.close()
  }

  fail(error: unknown): void {
    this.#values.close(error)
  }
}
