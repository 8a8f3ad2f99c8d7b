/** Those who listen to something shared are in no scope of whoever feeds it. */
import { EventEmitter } from 'node:events'
import * as emitter from '../../../../src/adapters/emitter/index.js'
import * as eventTarget from '../../../../src/adapters/event-target/index.js'
import { channel, go, type Receiver } from '../../../../src/core/index.js'
import { TestScope, turns } from '../../support.js'

const bus = new EventEmitter()
const target = new EventTarget()

test.each<[string, (listener: () => void) => void, (values: Receiver<number>) => unknown]>([
  ['emitter', fn => bus.on('data', fn), values => emitter.drainTo(values, bus, 'data')],
  ['event target', fn => target.addEventListener('data', fn), values => eventTarget.drainTo(values, target, 'data')],
])('listeners of an %s outlive the request that feeds it', async (_what, listen, drainTo) => {
  const settled: unknown[] = []
  const gate = channel<string>()
  listen(() => {
    go(() => gate.receive()).then(
      value => settled.push(value),
      error => settled.push(error),
    )
  })
  const request = new TestScope()
  const values = channel<number>(1)
  request.run(() => drainTo(values))
  await values.send(1)
  values.close()
  await turns()
  request.scope.cancel('the client left')
  await turns()
  expect(settled).toEqual([])
  await gate.send('lives')
  await turns()
  expect(settled).toEqual(['lives'])
  expect(request.failures).toEqual([])
})
