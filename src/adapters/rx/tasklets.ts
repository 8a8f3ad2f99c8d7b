/** Tasklets as observables, and back. */
import { EmptyError, Observable, type ObservableInput, type Subscriber } from 'rxjs'
import { SynclessError } from '../../core/base/errors.js'
import { report } from '../../core/base/report.js'
import type { Co } from '../../core/loop/op.js'
import { action } from '../../core/ops/action.js'
import { go } from '../../core/scope/go.js'
import { Scope } from '../../core/scope/scope.js'
import { bondToScope } from '../../core/scope/scope-bond.js'
import type { Tasklet } from '../../core/tasklet/tasklet.js'
import { observableOf } from './first.js'

/**
 * Returns a cold observable of a tasklet: each subscription starts `fn` as a tasklet, which emits its value and
 * completes. The tasklet has a scope of its own. An error of the tasklet, or of a tasklet that it has started, is
 * passed on as the same object, and fails nothing else. Unsubscribing kills them all, and so does the end. Their
 * cleanup may wait; an error in the cleanup is reported. A tasklet that is killed otherwise gives the error
 * `TASKLET_KILLED`.
 *
 * The tasklet belongs to the scope in which the observable is subscribed: when the scope is cancelled, the tasklet is
 * killed, and the subscriber gets the error `SCOPE_CLOSED`. Throws `INVALID_ARGUMENT` for anything except a function.
 * Semantics: RxJS `defer` of a promise that can be cancelled.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { firstValueFrom, timeout as timeoutOf } from 'rxjs'
 * import { sleep } from 'syncless'
 * import * as rx from 'syncless/rx'
 *
 * let cleaned = false
 * const slow$ = rx.fromTasklet(function* () {
 *   try {
 *     yield* sleep(60_000)
 *     return 'done'
 *   } finally {
 *     cleaned = true
 *   }
 * })
 * await assert.rejects(firstValueFrom(slow$.pipe(timeoutOf(5))), { name: 'TimeoutError' })
 * await sleep(0)
 * assert(cleaned)
 * ```
 */
export function fromTasklet<T>(fn: () => Co<T> | PromiseLike<T> | T): Observable<T> {
  if (typeof fn !== 'function') {
    throw new SynclessError('INVALID_ARGUMENT', 'rx.fromTasklet() takes a function that go() can start')
  }
  return new Observable<T>(subscriber => run(fn, subscriber))
}

function run<T>(fn: () => Co<T> | PromiseLike<T> | T, subscriber: Subscriber<T>): void {
  // Its scope calls this where it was made, outside of itself: the subscriber may subscribe again.
  const fail = (error: unknown) => {
    // RxJS would tell nobody of what is given to one that has left.
    if (subscriber.closed) report(error, 'a tasklet of an observable failed after its subscriber had left')
    else subscriber.error(error)
  }
  // A failure is the subscriber's, not that of the scope around.
  const scope = new Scope({ name: 'tasklet of an observable', onFailure: fail })
  const release = bond(subscriber, error => subscriber.error(error))
  if (release === null) return
  subscriber.add(() => {
    release()
    scope.cancel()
  })
  const tasklet = scope.go(fn)
  tasklet.then(
    value => {
      subscriber.next(value)
      subscriber.complete()
    },
    (error: unknown) => {
      // What it failed with was told by its scope.
      if (tasklet.state === 'killed' && !subscriber.closed) fail(error)
    },
  )
}

/** In a scope that has ended, the subscriber is told so. */
function bond(subscriber: Subscriber<unknown>, end: (error: SynclessError) => void): (() => void) | null {
  try {
    return bondToScope('the tasklet of an observable', end)
  } catch (error) {
    subscriber.error(error)
    return null
  }
}

/**
 * Starts a tasklet that subscribes to an observable and returns its last value. It fails with the observable's error,
 * as the same object, or with RxJS's `EmptyError` if there was no value. Killing the tasklet unsubscribes. Throws
 * `INVALID_ARGUMENT` for anything except an observable. Semantics: RxJS `lastValueFrom`.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { of } from 'rxjs'
 * import * as rx from 'syncless/rx'
 *
 * assert.equal(await rx.toTasklet(of(1, 2, 3)), 3)
 * ```
 */
export function toTasklet<T>(source: ObservableInput<T>): Tasklet<T> {
  const observable = observableOf(source, 'rx.toTasklet()')
  return go(function* observing(): Co<T> {
    return yield* action<T>((resolve, reject) => {
      let last: { readonly value: T } | null = null
      const subscription = observable.subscribe({
        next: value => {
          last = { value }
        },
        error: reject,
        complete: () => {
          if (last === null) reject(new EmptyError())
          else resolve(last.value)
        },
      })
      return () => subscription.unsubscribe()
    }, 'last value of an observable')
  })
}
