import { EmptyError, from, type ObservableInput, take } from 'rxjs'
import { SynclessError } from '../../core/base/errors.js'
import type { Op } from '../../core/loop/op.js'
import { action } from '../../core/ops/action.js'

/**
 * Waits for the first value of an observable, as an operation. It subscribes when it begins to wait. It unsubscribes
 * when it has a value, and when it is withdrawn, because it lost a `select` or its tasklet was killed. Throws the
 * observable's error as the same object, and RxJS's `EmptyError` if the observable completes without a value. Throws
 * `INVALID_ARGUMENT` for anything except an observable. Semantics: RxJS `firstValueFrom`.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { NEVER, of } from 'rxjs'
 * import { timeout } from 'syncless'
 * import * as rx from 'syncless/rx'
 *
 * assert.equal(await rx.first(of(1, 2)), 1)
 * assert.equal(await timeout(5, rx.first(NEVER), { else: 'nothing' }), 'nothing')
 * ```
 */
export function first<T>(source: ObservableInput<T>): Op<T> {
  const observable = observableOf(source, 'rx.first()').pipe(take(1))
  return action<T>((resolve, reject) => {
    const subscription = observable.subscribe({
      next: resolve,
      error: reject,
      complete: () => reject(new EmptyError()),
    })
    return () => subscription.unsubscribe()
  }, 'first value of an observable')
}

/** RxJS refuses what is no observable, or nothing like one, with a TypeError: throws `INVALID_ARGUMENT`. */
export function observableOf<T>(source: ObservableInput<T>, who: string) {
  try {
    return from(source)
  } catch (error) {
    throw new SynclessError('INVALID_ARGUMENT', `${who} takes an observable`, { cause: error })
  }
}
