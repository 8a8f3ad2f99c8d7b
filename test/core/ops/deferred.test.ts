import { deferred, go, until } from '../../../src/core/index.js'
import { runUntilIdle } from '../../../src/testing/index.js'

test('every waiter gets the outcome, early or late, and only the first one counts', async () => {
  const answer = deferred<number>()
  const early = go(() => answer)
  await runUntilIdle()
  answer.resolve(1)
  answer.resolve(2)
  answer.reject(new Error('too late'))
  expect(await early).toBe(1)
  expect(await answer).toBe(1)
  expect(answer.settled).toBe(true)
})

test('an error goes to each waiter as the same object', async () => {
  const answer = deferred<number>('the answer')
  const error = new Error('none')
  answer.reject(error)
  for (let i = 0; i < 2; i++) expect(await answer.then(null, caught => caught)).toBe(error)
  expect(answer.describe()).toBe('the answer')
})

test('a waiter that leaves is forgotten', async () => {
  const answer = deferred<number>()
  const t = go(() => answer)
  await runUntilIdle()
  await t.kill()
  expect(answer.waiters?.length ?? 0).toBe(0)
  answer.resolve(1)
  expect(await until(Promise.resolve(2))).toBe(2)
})
