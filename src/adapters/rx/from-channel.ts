import { defer, mergeMap, Observable, type ObservableInput, type ObservedValueOf, tap } from 'rxjs'
import { assertOptions } from '../../core/base/arguments.js'
import { SynclessError } from '../../core/base/errors.js'
import type { Receiver } from '../../core/channel/channel.js'
import { Pulls } from './pulls.js'

/** Options of `fromChannel`. */
export interface FromChannelOptions<T, O extends ObservableInput<unknown>> {
  /** The work for one value; its results are emitted as they come. A slot is taken until it completes. */
  project: (value: T) => O
  /** How many values may be in work at once. Default 1. */
  concurrency?: number
}

/** Values pass as they are; there is no work, so that `concurrency` says nothing. */
interface PlainOptions {
  project?: undefined
  concurrency?: number
}

/**
 * Returns an observable of the values of a channel. Nothing is received before the observable is subscribed. With
 * `project` it is a `mergeMap` with backpressure: the next value is received when one of `concurrency` slots is free,
 * and a producer on a full channel waits until then. Without `project`, values are emitted as fast as they arrive,
 * because RxJS has no backpressure.
 *
 * The end of the channel completes the observable. An error of the channel or of `project` is passed on as the same
 * object. Unsubscribing cancels the channel in the same turn, even while a receive is pending. The observable serves
 * one subscriber; a second one gets the error `ALREADY_CONSUMED`. A channel that another bridge reads is refused with
 * the same error at once. Use `broadcast()` to fan out.
 *
 * The bridge belongs to the scope in which it is made: when the scope is cancelled, so is the channel, and the
 * subscriber gets the error `SCOPE_CLOSED`. Throws `INVALID_ARGUMENT` for a `concurrency` that is not a positive
 * whole number. Semantics: RxJS `mergeMap`, pulling.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { lastValueFrom, of, toArray } from 'rxjs'
 * import { channel, go } from 'syncless'
 * import * as rx from 'syncless/rx'
 *
 * const jobs = channel<number>()
 * go(function* () {
 *   for (const job of [1, 2, 3]) yield* jobs.send(job)
 *   jobs.close()
 * })
 * const doubled$ = rx.fromChannel(jobs, { concurrency: 2, project: job => of(job * 2) })
 * assert.deepEqual(await lastValueFrom(doubled$.pipe(toArray())), [2, 4, 6])
 * ```
 */
export function fromChannel<T>(receiver: Receiver<T>, options?: PlainOptions): Observable<T>
export function fromChannel<T, O extends ObservableInput<unknown>>(
  receiver: Receiver<T>,
  options: FromChannelOptions<T, O>,
): Observable<ObservedValueOf<O>>
export function fromChannel<T, O extends ObservableInput<unknown>>(
  receiver: Receiver<T>,
  options: PlainOptions | FromChannelOptions<T, O> = {},
): Observable<T | ObservedValueOf<O>> {
  assertOptions('rx.fromChannel()', options)
  const { project, concurrency = 1 } = options
  assertProjection(project, concurrency)
  if (project === undefined) return observe(new Pulls(receiver, Number.POSITIVE_INFINITY))
  const pulls = new Pulls(receiver, concurrency)
  const work = (value: T) =>
    defer(() => project(value)).pipe(
      tap({ error: (error: unknown) => pulls.failed(error), complete: () => pulls.done() }),
    )
  return observe(pulls).pipe(mergeMap(work))
}

function observe<T>(pulls: Pulls<T>): Observable<T> {
  return new Observable(subscriber => pulls.serve(subscriber))
}

function assertProjection(project: unknown, concurrency: number): void {
  if (project !== undefined && typeof project !== 'function') {
    throw new SynclessError('INVALID_ARGUMENT', 'rx.fromChannel() takes a function as project')
  }
  if (!Number.isSafeInteger(concurrency) || concurrency < 1) {
    throw new SynclessError(
      'INVALID_ARGUMENT',
      `rx.fromChannel() takes a concurrency of 1 or more, a whole number; got ${String(concurrency)}`,
    )
  }
}
