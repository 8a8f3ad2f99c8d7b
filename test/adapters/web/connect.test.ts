import * as web from '../../../src/adapters/web/index.js'
import { go } from '../../../src/core/index.js'
import { outcome, reported, TestScope, turns, watch } from '../support.js'

const failure = new Error('failure')
const invalid = expect.objectContaining({ code: 'INVALID_ARGUMENT' })

test('what goes in comes out', async () => {
  const { incoming, outgoing } = web.connect(new CompressionStream('gzip'))
  const { incoming: text, outgoing: zipped } = web.connect(new DecompressionStream('gzip'))
  go(function* () {
    for (let i = 0; i < 100; i++) yield* outgoing.send(new Uint8Array(1000).fill(i))
    outgoing.close()
  })
  go(function* () {
    yield* incoming.each(chunk => zipped.send(chunk as never))
    zipped.close()
  })
  let size = 0
  for await (const chunk of text) size += chunk.length
  expect(size).toBe(100_000)
})

test('a transform holds the one side back by the other', async () => {
  const { incoming, outgoing } = web.connect(new TransformStream<number, number>())
  let sent = 0
  const sending = go(function* () {
    for (; sent < 20; sent++) yield* outgoing.send(sent)
    outgoing.close()
  })
  await turns()
  expect(sent).toBeLessThanOrEqual(2)
  const seen: number[] = []
  for await (const value of incoming) seen.push(value)
  expect(seen).toEqual(Array.from({ length: 20 }, (_, i) => i))
  await sending
})

test('a transform that fails fails both sides', async () => {
  const transform = new TransformStream<number, number>({
    transform() {
      throw failure
    },
  })
  const { incoming, outgoing } = web.connect(transform)
  const received = watch(incoming.receive())
  await outgoing.send(1)
  await turns()
  expect(received.outcome).toBe(failure)
  expect(await outcome(outgoing.send(2))).toMatchObject({ code: 'CHANNEL_CANCELLED', cause: failure })
  expect(await outgoing.ended).toEqual({ by: 'cancel', reason: failure })
})

test('what closing the writable fails with is told once: by the readable, or in a report', async () => {
  const flushing = web.connect(new TransformStream({ flush: () => Promise.reject(failure) }))
  const received = watch(flushing.incoming.receive())
  const close = () => Promise.reject(failure)
  const apart = web.connect({ readable: new ReadableStream(), writable: new WritableStream({ close }) })
  const warnings = await reported(async () => {
    flushing.outgoing.close()
    apart.outgoing.close()
  })
  expect(received.outcome).toBe(failure)
  expect(warnings).toEqual([expect.stringContaining('"pair of web streams" failed at its end: failure')])
  apart.incoming.cancel()
})

test('cancelling what comes out cancels what goes in', async () => {
  const { incoming, outgoing } = web.connect(new TransformStream<number, number>())
  await turns()
  incoming.cancel(failure)
  await turns()
  expect(await outcome(outgoing.send(1))).toMatchObject({ code: 'CHANNEL_CANCELLED', cause: failure })
})

test('closing with an error aborts the transform', async () => {
  const { incoming, outgoing } = web.connect(new TransformStream<number, number>())
  const received = watch(incoming.receive())
  outgoing.close(failure)
  await turns()
  expect(received.outcome).toBe(failure)
})

test('what is no pair is refused, and leaves nothing locked', () => {
  const request = new TestScope()
  const { readable, writable } = new TransformStream()
  for (const bad of [{ readable }, { writable }, { readable, writable: 5 }, { readable: 5, writable }] as never[]) {
    expect(() => request.run(() => web.connect(bad))).toThrow(invalid)
  }
  expect(() => request.run(() => web.connect({ readable, writable }, { capacity: -1 }))).toThrow(invalid)
  writable.getWriter()
  expect(() => request.run(() => web.connect({ readable, writable }))).toThrow(invalid)
  expect([readable.locked, request.bonds]).toEqual([false, 0])
})
