import type { FlowPort } from '../../../src/adapters/port.js'
import * as rx from '../../../src/adapters/rx/index.js'

test('it is a flow port', () => {
  const port: FlowPort = rx
  expect(Object.keys(port).sort()).toEqual([
    'capabilities',
    'drainTo',
    'first',
    'fromChannel',
    'fromTasklet',
    'scheduler',
    'toChannel',
    'toTasklet',
  ])
  expect(port.capabilities).toEqual({
    pausable: false,
    holdsBack: ['fromChannel'],
    multicast: true,
    errors: 'identity',
    ends: true,
    cancels: true,
    ack: false,
  })
})
