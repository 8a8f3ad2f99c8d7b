import { event, go, select, sleep } from '../../../src/core/index.js'
import { runUntilIdle, virtualClock } from '../../../src/testing/index.js'

const clock = virtualClock()
afterAll(() => clock.restore())

test('set wakes everyone who waits, and later waits do not wait', async () => {
  const ready = event()
  const waiters = [go(() => ready.wait()), go(() => ready.wait())]
  await runUntilIdle()
  expect(waiters.map(({ state }) => state)).toEqual(['waiting', 'waiting'])
  ready.set()
  expect(ready.isSet).toBe(true)
  await Promise.all(waiters)
  await ready.wait()
  await go(() => ready.wait())
})

test('clear makes later waits wait again, and wakes nobody', async () => {
  const ready = event('ready')
  ready.set()
  ready.clear()
  const waiter = go(() => ready.wait())
  await runUntilIdle()
  expect(waiter.state).toBe('waiting')
  await waiter.kill()
  ready.set()
  expect(ready.wait().describe()).toBe('wait for ready')
})

test('a wait that lost a select is not woken', async () => {
  const ready = event()
  const lost = ready.wait()
  const choice = select({ ready: lost, late: sleep(1) })
  const done = choice.then(({ key }) => key)
  await clock.advance(1)
  expect(await done).toBe('late')
  ready.set()
  await lost
})
