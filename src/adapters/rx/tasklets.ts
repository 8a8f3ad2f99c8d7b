/** Tasklets as observables, and back. */
import { EmptyError, Observable, type ObservableInput, type Subscriber } from 'rxjs'
import { action } from '../../core/action.js'
import { SynclessError } from '../../core/errors.js'
import { go } from '../../core/go.js'
import type { Co } from '../../core/op.js'
import { enterScope, Scope } from '../../core/scope.js'
import { bondToScope } from '../../core/scope-bond.js'
import type { Tasklet } from '../../core/tasklet.js'
import { observableOf } from './first.js'

/**
 * A cold observable of a tasklet: each subscription starts `fn` as a tasklet, which emits its value and completes. An error is
 * passed on as the very object, and fails nothing else. Unsubscribing kills the tasklet, whose cleanup may wait; a tasklet that is
 * killed otherwise gives the error `TASKLET_KILLED`.
 *
 * The tasklet belongs to the scope that it is subscribed in: when that is cancelled, it is killed, and the subscriber gets the
 * error `SCOPE_CLOSED`. Throws `INVALID_ARGUMENT` for what is no function. Semantics: RxJS `defer` of a promise, that can be
 * cancelled.
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
  // The failure of the tasklet is the subscriber's, not that of the scope around.
  const scope = new Scope({ name: 'tasklet of an observable', onFailure: () => {} })
  let tasklet: Tasklet<T> | null = null
  const release = bond(subscriber, error => {
    subscriber.error(error)
    tasklet?.kill(error)
  })
  if (release === null) return
  tasklet = enterScope(scope, () => go(fn))
  const started = tasklet
  subscriber.add(() => {
    release()
    started.kill()
  })
  started.then(
    value => {
      subscriber.next(value)
      subscriber.complete()
    },
    (error: unknown) => {
      // One that has left is told nothing, not even that RxJS had nobody to tell.
      if (!subscriber.closed) subscriber.error(error)
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
 * Starts a tasklet that subscribes to an observable and gives its last value. It fails with the observable's error, the very
 * object, and with RxJS's `EmptyError` if there was no value; killing it unsubscribes. Throws `INVALID_ARGUMENT` for what is no
 * observable. Semantics: RxJS `lastValueFrom`.
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
