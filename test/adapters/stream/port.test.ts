import type { FlowPort } from '../../../src/adapters/port.js'
import * as stream from '../../../src/adapters/stream/index.js'

test('it is a flow port, with encoders', () => {
  const port: FlowPort = stream
  expect(Object.keys(port).sort()).toEqual(['capabilities', 'drainTo', 'fromChannel', 'lines', 'ndjson', 'toChannel'])
  expect(port.capabilities).toEqual({
    pausable: true,
    holdsBack: ['fromChannel', 'drainTo'],
    multicast: false,
    errors: 'identity',
    ends: true,
    cancels: true,
    ack: false,
  })
})
