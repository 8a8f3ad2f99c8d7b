import { go, select, sleep, until } from '../../../src/core/index.js'
import { idle, rejection, reported, useVirtualClock, watch } from '../support.js'

const time = useVirtualClock()
const failure = new Error('failure')

test('gives the value of a promise, or throws its error', async () => {
  expect(await until(Promise.resolve('v'))).toBe('v')
  expect(await rejection(until(Promise.reject(failure)))).toBe(failure)
})

test('a thenable that throws fails the wait, and each later one', async () => {
  const op = until({
    then() {
      throw failure
    },
  })
  for (let i = 0; i < 2; i++) {
    const waiting = go(function* () {
      return yield* op
    })
    expect(await rejection(waiting)).toBe(failure)
  }
})

test('the first outcome of a thenable stays', async () => {
  const op = until<number>({
    then(resolve: (value: number) => void, reject: (error: unknown) => void) {
      resolve(1)
      resolve(2)
      reject(failure)
      throw failure
    },
  } as PromiseLike<number>)
  for (let i = 0; i < 2; i++) expect(await op).toBe(1)
})

test('may be waited for by many, before and after', async () => {
  const { promise, resolve } = deferred<string>()
  const op = until(promise)
  const early = [watch(op), watch(op), watch(until(promise))]
  await idle()
  resolve('v')
  await idle()
  expect(early.map(each => each.outcome)).toEqual(['v', 'v', 'v'])
  expect(await op).toBe('v')
})

test('subscribes to a promise once, however often a loop waits for it', async () => {
  let subscribed = 0
  const promise = new Promise<string>(() => {})
  const then = promise.then.bind(promise)
  promise.then = ((...handlers: Parameters<typeof then>) => {
    subscribed++
    return then(...handlers)
  }) as typeof promise.then
  await go(function* () {
    for (let i = 0; i < 10; i++) yield* select({ p: until(promise), tick: sleep(0) }, { orElse: 0 })
  })
  const ticks = go(function* () {
    for (let i = 0; i < 10; i++) yield* select({ p: until(promise), tick: sleep(1) })
  })
  await time.clock.runAll()
  expect(ticks.state).toBe('done')
  expect(subscribed).toBe(1)
})

test('a rejection after those who waited have left is reported, once', async () => {
  const { promise, reject } = deferred<string>()
  const warnings = await reported(async () => {
    const t = go(function* () {
      yield* until(promise)
    })
    await idle()
    await t.kill()
    reject(failure)
    await idle()
  })
  expect(warnings).toEqual([expect.stringContaining('failure')])
  expect(await rejection(until(promise))).toBe(failure)
})

test('a rejection that somebody takes in time is not reported', async () => {
  const { promise, reject } = deferred<string>()
  const warnings = await reported(async () => {
    const op = until(promise)
    const t = go(function* () {
      yield* op
    })
    await idle()
    await t.kill()
    const again = watch(op)
    reject(failure)
    await idle()
    expect(again.outcome).toBe(failure)
  })
  expect(warnings).toEqual([])
})

test.each([5, null, undefined, 'text', {}])('%p is refused', value => {
  expect(() => until(value as never)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
})

function deferred<T>() {
  let resolve: (value: T) => void = () => {}
  let reject: (error: unknown) => void = () => {}
  const promise = new Promise<T>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}
