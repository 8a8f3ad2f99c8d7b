import { PassThrough, Readable } from 'node:stream'
import { of, Subject } from 'rxjs'
import * as rx from '../../src/adapters/rx/index.js'
import * as stream from '../../src/adapters/stream/index.js'

const invalid = expect.objectContaining({ code: 'INVALID_ARGUMENT' })

test.each(['now', 'on-receive'] as const)(
  'rx.toChannel refuses what is no observable, at once: subscribe %s',
  subscribe => {
    const options = { capacity: 1, overflow: 'error', subscribe } as const
    expect(() => rx.toChannel(undefined as never, options)).toThrow(invalid)
    expect(() => rx.toChannel({} as never, options)).toThrow(invalid)
  },
)

test('rx.toChannel refuses to do without its options', () => {
  expect(() => rx.toChannel(of(1), undefined as never)).toThrow(invalid)
})

test.each([
  ['rx.fromChannel', (bad: never) => rx.fromChannel(bad)],
  ['rx.drainTo', (bad: never) => rx.drainTo(bad, new Subject())],
  ['stream.fromChannel', (bad: never) => stream.fromChannel(bad)],
  ['stream.drainTo', (bad: never) => stream.drainTo(bad, new PassThrough())],
])('%s refuses what cannot be received from', (_name, bridge) => {
  for (const bad of [undefined, null, 5, {}, Readable.from(['a'])]) expect(() => bridge(bad as never)).toThrow(invalid)
})
