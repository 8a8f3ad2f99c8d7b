import { go, schedule } from '../../src/core/index.js'
import { runUntilIdle, stepping } from '../../src/testing/index.js'

test('waits for tasklets that go on and on, turn after turn', async () => {
  let left = 5000
  go(function* () {
    while (left > 0) {
      left--
      yield* schedule()
    }
  })
  await runUntilIdle()
  expect(left).toBe(0)
})

test('does not wait for tasklets that only a step can run', async () => {
  using stepper = stepping()
  const t = go(() => 'ran')
  await runUntilIdle()
  expect(t.state).toBe('ready')
  stepper.step()
  expect(t.state).toBe('done')
})
