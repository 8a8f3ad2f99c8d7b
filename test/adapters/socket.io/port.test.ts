import type { FlowPort } from '../../../src/adapters/port.js'
import * as sio from '../../../src/adapters/socket.io/index.js'

test('it is a flow port, with what belongs to sockets', () => {
  const port: FlowPort = sio
  const names = ['SocketDisconnected', 'capabilities', 'drainTo', 'middleware', 'socketScope', 'toChannel']
  expect(Object.keys(port).sort()).toEqual(names)
  expect(port.capabilities).toEqual({
    pausable: false,
    holdsBack: ['drainTo'],
    multicast: true,
    errors: 'message',
    ends: true,
    cancels: true,
    ack: true,
  })
})
