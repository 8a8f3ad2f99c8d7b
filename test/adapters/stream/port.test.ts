import type { FlowPort } from '../../../src/adapters/port.js'
import * as stream from '../../../src/adapters/stream/index.js'

test('it is a flow port, with encoders, decoders and transforms', () => {
  const port: FlowPort = stream
  expect(Object.keys(port).sort()).toEqual([
    'capabilities',
    'connect',
    'decodeFrames',
    'decodeLines',
    'decodeNdjson',
    'decodeSse',
    'drainTo',
    'frames',
    'fromChannel',
    'lines',
    'ndjson',
    'pipeline',
    'sse',
    'toChannel',
    'transform',
  ])
  expect(port.capabilities).toEqual({
    pausable: true,
    holdsBack: ['fromChannel', 'drainTo', 'connect'],
    multicast: false,
    errors: 'identity',
    ends: true,
    cancels: true,
    ack: false,
  })
})
