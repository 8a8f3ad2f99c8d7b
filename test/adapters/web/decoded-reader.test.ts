import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { decodeSse } from '../../../src/adapters/stream/index.js'
import { DecodedAnswers } from '../../../src/adapters/web/decoded-reader.js'

setFlagsFromString('--expose-gc')
const gc: () => void = runInNewContext('gc')

test('chunks that give nothing, such as heartbeats, do not pile up while it is asked', async () => {
  const heartbeats = 20_000
  const heartbeat = { done: false as const, value: Buffer.from(': heartbeat\n\n') }
  const answers: WeakRef<object>[] = []
  let last: () => void = () => {}
  const read = () => {
    const answer = answers.length < heartbeats ? Promise.resolve(heartbeat) : new Promise<never>(() => last())
    // What waits for an answer is what would be kept.
    const waits = (...then: Parameters<typeof answer.then>) => {
      const waiting = answer.then(...then)
      answers.push(new WeakRef(waiting))
      return waiting
    }
    return { then: waits } as typeof answer
  }
  const all = new Promise<void>(resolve => {
    last = resolve
  })
  const asked = new DecodedAnswers(read, decodeSse()()).ask()
  await all
  await new Promise(resolve => setImmediate(resolve))
  gc()
  expect(answers.length).toBeGreaterThan(heartbeats)
  expect(answers.filter(answer => answer.deref() !== undefined).length).toBeLessThan(100)
  expect(asked).toBeInstanceOf(Promise)
})
