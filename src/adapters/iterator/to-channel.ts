import type { Readable } from 'node:stream'
import { assertOptions } from '../../core/base/arguments.js'
import type { ChannelEnd, Receiver } from '../../core/channel/channel.js'
import { whenSettled } from '../../core/loop/latched.js'
import { endSourceOf } from '../../core/nbsocket/bytes/byte-input.js'
import { bondToScope } from '../../core/scope/scope-bond.js'
import { PullChannel } from '../shared/bridge/pull-channel.js'
import { claiming } from '../shared/bridge/receiver.js'
import { Iteration, type Source } from './iteration.js'

/** Options of `toChannel`. */
export interface ToChannelOptions {
  /** How many values are requested ahead of the receiver. Default 0. */
  capacity?: number
  /** A name for descriptions and dumps. */
  name?: string
}

/**
 * Returns the values of an iterable or an iterator, synchronous or async, as a channel. `next()` is called when
 * somebody receives, and up to `capacity` values ahead, never twice at a time: a slow receiver slows down the source.
 *
 * The end of the iteration closes the channel, and an error closes it with the same object. Cancelling the channel
 * calls `return()` in the same turn, once, even while a `next()` is pending, and waits for nothing. If `return()` of
 * an iterator ends a pending `next()`, it ends then. An async generator sees its `return()` only when its pending
 * `await` has settled, however long that takes; values that it yields meanwhile are lost. To stop the source at once,
 * give a function: it gets an AbortSignal, which is aborted first, and is called at the first receive. The error of
 * such a late `next()` is not reported; the error of `return()` itself is. A receive that is withdrawn while `next()`
 * is pending loses nothing: the value waits for the next receive.
 *
 * The bridge belongs to the scope in which it is made: when the scope is cancelled, the iterator is left, and
 * receivers get `SCOPE_CLOSED`. Throws `INVALID_ARGUMENT` for a source that cannot be iterated over and for a wrong
 * capacity, `ALREADY_CONSUMED` for an iterator that has been bridged, `SCOPE_CLOSED` if the scope has ended.
 * Semantics: `for await`.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { setTimeout as delay } from 'node:timers/promises'
 * import { timeout } from 'syncless'
 * import * as iterator from 'syncless/iterator'
 *
 * async function* ticks(signal: AbortSignal) {
 *   for (let n = 0; ; n++) {
 *     yield n
 *     await delay(60_000, undefined, { signal })
 *   }
 * }
 * const ch = iterator.toChannel(signal => ticks(signal))
 * assert.equal(await ch.receive(), 0)
 * assert.equal(await timeout(5, ch.receive(), { else: 'too late' }), 'too late')
 * ch.cancel() // the generator is gone; its own return() would wait for a minute
 * ```
 */
export function toChannel<T>(source: Source<T>, options: ToChannelOptions = {}): Receiver<T> {
  assertOptions('iterator.toChannel()', options)
  const { capacity = 0, name = 'iterator' } = options
  // What a buffered file over a stream holds comes first.
  endSourceOf(source as Readable, 'iterator.toChannel()')
  const iteration = new Iteration<T>(source, name)
  const values = new PullChannel<T>(capacity, name, () => iteration.next())
  const bond = () => bondToScope(`the bridge "${name}"`, error => values.close(error))
  const { iterator } = iteration
  const release = iterator === null ? bond() : claiming(iterator, `the iterator "${name}"`, bond)
  whenSettled(values.ended, end => {
    release()
    iteration.leave(reasonOf(end))
  })
  return values
}

function reasonOf(end: ChannelEnd): unknown {
  if (end.by === 'cancel') return end.reason
  return 'error' in end ? end.error : undefined
}
