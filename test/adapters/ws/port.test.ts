import type { FlowPort } from '../../../src/adapters/port.js'
import * as ws from '../../../src/adapters/ws/index.js'

test('it is a flow port, with the error of a close code', () => {
  const port: FlowPort = ws
  expect(Object.keys(port).sort()).toEqual(['WebSocketClosed', 'capabilities', 'connect', 'drainTo', 'toChannel'])
  expect(port.capabilities).toEqual({
    pausable: true,
    holdsBack: ['drainTo', 'connect'],
    multicast: false,
    errors: 'message',
    ends: true,
    cancels: true,
    ack: false,
  })
})
