import { AsyncLocalStorage } from 'node:async_hooks'
import {
  catchError,
  EmptyError,
  firstValueFrom,
  mergeMap,
  NEVER,
  Observable,
  of,
  repeat,
  retry,
  Subject,
  throwError,
  toArray,
} from 'rxjs'
import * as rx from '../../../src/adapters/rx/index.js'
import { channel, current, go, never, select, sleep } from '../../../src/core/index.js'
import { assertNoLeaks } from '../../../src/testing/index.js'
import { outcome, reported, TestScope, turns, watch } from '../support.js'

const failure = new Error('failure')
/** The tasklet on behalf of which this is called. */
function running(): unknown {
  try {
    return current()
  } catch {
    return null
  }
}

const invalid = expect.objectContaining({ code: 'INVALID_ARGUMENT' })

describe('first', () => {
  test('gives the first value, also of a source that has it at once, and leaves', async () => {
    const subject = new Subject<number>()
    const waiting = watch(rx.first(subject))
    expect(subject.observed).toBe(true)
    subject.next(1)
    expect(subject.observed).toBe(false)
    await turns()
    expect(waiting.outcome).toBe(1)
    expect(await rx.first(of(2, 3))).toBe(2)
    expect(await rx.first([4])).toBe(4)
  })

  test('throws the error of the source, and EmptyError where there is no value', async () => {
    expect(await outcome(rx.first(throwError(() => failure)))).toBe(failure)
    expect(await outcome(rx.first(of()))).toBeInstanceOf(EmptyError)
    expect(() => rx.first(5 as never)).toThrow(invalid)
  })

  test('is lazy, and leaves when it loses or its tasklet is killed', async () => {
    let subscribed = 0
    const source = new Observable<number>(() => {
      subscribed++
      return () => subscribed--
    })
    const op = rx.first(source)
    expect(subscribed).toBe(0)
    const ch = channel<string>(1)
    const choice = go(() => select({ first: op, other: ch.receive() }))
    await turns()
    expect(subscribed).toBe(1)
    ch.trySend('other')
    expect(await choice).toEqual({ key: 'other', value: 'other' })
    expect(subscribed).toBe(0)
    const waiter = go(() => op)
    await turns()
    expect(subscribed).toBe(1)
    await waiter.kill()
    expect(subscribed).toBe(0)
  })
})

describe('a tasklet as an observable', () => {
  test('starts with each subscription, emits its value and completes', async () => {
    let started = 0
    const source = rx.fromTasklet(function* () {
      started++
      yield* sleep(0)
      return started
    })
    await turns()
    expect(started).toBe(0)
    expect(await firstValueFrom(source.pipe(toArray()))).toEqual([1])
    expect(await firstValueFrom(source)).toBe(2)
    expect(await firstValueFrom(rx.fromTasklet(() => 'plain'))).toBe('plain')
    expect(await firstValueFrom(rx.fromTasklet(async () => 'async'))).toBe('async')
  })

  test('fails its subscriber alone, with the very object', async () => {
    const request = new TestScope()
    const source = rx.fromTasklet(function* () {
      yield* sleep(0)
      throw failure
    })
    expect(await request.run(() => firstValueFrom(source).catch(error => error))).toBe(failure)
    expect([request.failures, request.bonds]).toEqual([[], 0])
  })

  test('is killed by unsubscribing, after its cleanup, and leaves nothing', () =>
    assertNoLeaks(async () => {
      const log: string[] = []
      const source = rx.fromTasklet(function* () {
        try {
          yield* never
        } finally {
          yield* sleep(0)
          log.push('cleaned')
        }
      })
      const subscription = source.subscribe({ error: () => log.push('told') })
      await turns()
      subscription.unsubscribe()
      while (log.length === 0) await turns(1)
      await turns()
      expect(log).toEqual(['cleaned'])
    }))

  test('ends with the scope it is subscribed in', async () => {
    const request = new TestScope()
    let killed = false
    const source = rx.fromTasklet(function* () {
      try {
        yield* never
      } finally {
        killed = true
      }
    })
    const seen = watch(request.run(() => firstValueFrom(source)))
    await turns()
    request.scope.cancel()
    await turns()
    expect([seen.outcome, killed]).toEqual([expect.objectContaining({ code: 'SCOPE_CLOSED' }), true])
    await request.scope.close()
    const late = request.run(() => firstValueFrom(source))
    expect(await outcome(late)).toMatchObject({ code: 'SCOPE_CLOSED' })
  })

  test('is left with all that it has started, when it is unsubscribed from and when it is done', () =>
    assertNoLeaks(async () => {
      for (const done of [false, true]) {
        const log: string[] = []
        const source = rx.fromTasklet(function* () {
          go(function* () {
            try {
              yield* never
            } finally {
              log.push('child')
            }
          })
          yield* done ? sleep(0) : never
          return 'done'
        })
        const subscription = source.subscribe(value => log.push(value))
        await turns()
        if (!done) subscription.unsubscribe()
        while (!log.includes('child')) await turns(1)
        expect(log).toEqual(done ? ['done', 'child'] : ['child'])
      }
    }))

  test('fails with what it has started, as the very object', async () => {
    const request = new TestScope()
    const source = rx.fromTasklet(function* () {
      go(function* () {
        yield* sleep(0)
        throw failure
      })
      yield* never
    })
    expect(await request.run(() => firstValueFrom(source).catch(error => error))).toBe(failure)
    expect([request.failures, request.bonds]).toEqual([[], 0])
  })

  test('tells its subscriber of a kill, and reports what fails when that has left', async () => {
    const source = rx.fromTasklet(function* () {
      current().kill()
      yield* never
    })
    expect(await outcome(firstValueFrom(source))).toMatchObject({ code: 'TASKLET_KILLED' })
    const failing = rx.fromTasklet(function* () {
      try {
        yield* never
      } catch {
        throw failure
      }
    })
    const warnings = await reported(async () => {
      const subscription = failing.subscribe({ error: () => {} })
      await turns()
      subscription.unsubscribe()
    })
    expect(warnings).toEqual([expect.stringContaining('failed after its subscriber had left: failure')])
  })

  test('is no tasklet without a function', () => {
    expect(() => rx.fromTasklet(5 as never)).toThrow(invalid)
  })
})

describe('an observable as a tasklet', () => {
  test('gives the last value', async () => {
    expect(await rx.toTasklet(of(1, 2, 3))).toBe(3)
    const request = new TestScope()
    expect(await outcome(request.run(() => rx.toTasklet(of())))).toBeInstanceOf(EmptyError)
    const failing = new TestScope()
    expect(await outcome(failing.run(() => rx.toTasklet(throwError(() => failure))))).toBe(failure)
    expect(failing.failures).toEqual([failure])
  })

  test('unsubscribes when it is killed', async () => {
    const subject = new Subject<number>()
    const tasklet = rx.toTasklet(subject)
    await turns()
    expect(subject.observed).toBe(true)
    await tasklet.kill()
    expect(subject.observed).toBe(false)
    expect(() => rx.toTasklet(5 as never)).toThrow(invalid)
  })
})

test('a source that never ends is left by a scope that ends', async () => {
  const request = new TestScope()
  const waiting = watch(request.go(() => rx.first(NEVER) as never))
  await turns()
  request.scope.cancel()
  await turns()
  expect(waiting.outcome).toMatchObject({ code: 'TASKLET_KILLED' })
})

describe('whoever is told runs where it has subscribed', () => {
  const flaky = () => {
    let attempts = 0
    return rx.fromTasklet(function* () {
      yield* sleep(0)
      if (++attempts < 3) throw new Error(`attempt ${attempts}`)
      return attempts
    })
  }

  test('retry and catchError subscribe again after a failure', async () => {
    const other = rx.fromTasklet(function* () {
      yield* sleep(0)
      return 'the other'
    })
    expect(await firstValueFrom(flaky().pipe(retry(5)))).toBe(3)
    expect(await firstValueFrom(flaky().pipe(retry({ count: 5, delay: 0 })))).toBe(3)
    expect(await firstValueFrom(flaky().pipe(catchError(() => other)))).toBe('the other')
    expect(await firstValueFrom(other.pipe(repeat(2), toArray()))).toEqual(['the other', 'the other'])
  })

  test('an error comes in the context of the subscription, and outside the scope that failed', async () => {
    const storage = new AsyncLocalStorage<string>()
    const request = new TestScope()
    const told = new Promise<unknown[]>(resolve => {
      const fails = rx.fromTasklet(function* () {
        yield* sleep(0)
        storage.enterWith('of the tasklet')
        throw failure
      })
      const error = (cause: unknown) => {
        const size = request.scope.size
        const started = go(() => 'belongs to the request')
        resolve([cause, storage.getStore(), request.scope.size - size, running(), started])
      }
      request.run(() => storage.run('subscribed', () => fails.subscribe({ error })))
    })
    const [cause, context, joined, tasklet, started] = await told
    expect([cause, context, joined, tasklet]).toEqual([failure, 'subscribed', 1, null])
    expect(await started).toBe('belongs to the request')
    expect(request.failures).toEqual([])
  })

  test('in a scope, a retry belongs to it, and ends with it', async () => {
    const request = new TestScope()
    const waiting = watch(request.run(() => firstValueFrom(flaky().pipe(retry({ delay: () => NEVER })))))
    await turns()
    expect(waiting.outcome).toBe('pending')
    expect(request.failures).toEqual([])
  })

  test('a subject of all outlives the request that feeds it', async () => {
    const all = new Subject<number>()
    const seen: number[] = []
    const errors: unknown[] = []
    all
      .pipe(
        mergeMap(value =>
          rx.fromTasklet(function* () {
            yield* sleep(0)
            return value * 10
          }),
        ),
      )
      .subscribe({ next: value => seen.push(value), error: error => errors.push(error) })
    for (const value of [1, 2]) {
      const request = new TestScope()
      const values = channel<number>(1)
      request.run(() => rx.drainTo(values, all, { end: false }))
      await values.send(value)
      values.close()
      await turns()
      request.scope.cancel('the client left')
    }
    while (seen.length + errors.length < 2) await turns(1)
    expect(errors).toEqual([])
    expect(seen).toEqual([10, 20])
  })
})
