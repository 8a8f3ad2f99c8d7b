import * as ws from '../../../src/adapters/ws/index.js'
import { go } from '../../../src/core/index.js'
import { TestScope } from '../support.js'
import { listeners } from './pairs.js'
import { closeOf, connected } from './support.js'

const failureOf = (work: PromiseLike<unknown>) =>
  work.then(
    value => ({ value }),
    (error: unknown) => error,
  )

test('both ends of a WebSocket are pairs of channels', async () => {
  const { client, server } = await connected()
  const there = ws.connect<number, number>(server, { decode: Number, encode: String, capacity: 2 })
  const here = ws.connect<number, number>(client, { decode: Number, encode: String })
  go(function* () {
    yield* there.incoming.each(n => there.outgoing.send(n * 2))
    there.outgoing.close()
  })
  const seen: number[] = []
  for (const n of [1, 2, 3]) {
    await here.outgoing.send(n)
    seen.push(await here.incoming.receive())
  }
  here.outgoing.close()
  expect((await here.incoming.next()).done).toBe(true)
  expect(seen).toEqual([2, 4, 6])
})

test('what the peer sends before its answer to a close is received', async () => {
  const { client, server } = await connected()
  const { incoming, outgoing } = ws.connect(client)
  server.pause()
  outgoing.close()
  for (let i = 0; i < 5; i++) server.send(String(i))
  server.resume()
  const seen: unknown[] = []
  for await (const message of incoming) seen.push(message)
  expect(seen).toEqual(['0', '1', '2', '3', '4'])
})

test('cancelling what comes in closes it with 1000, and cancels what goes out', async () => {
  const { client, server } = await connected()
  const closed = closeOf(server)
  const { incoming, outgoing } = ws.connect(client)
  const reason = new Error('enough')
  incoming.cancel(reason)
  expect(outgoing.trySend('late')).toBe('closed')
  expect(await failureOf(outgoing.send('late'))).toMatchObject({ code: 'CHANNEL_CANCELLED', cause: reason })
  expect(await closed).toEqual([1011, 'enough'])
})

test('a peer that closes with an error ends both, with the very error', async () => {
  const { client, server } = await connected()
  const { incoming, outgoing } = ws.connect(client)
  server.close(4001, 'log in first')
  const error = await failureOf(incoming.receive())
  expect(error).toMatchObject({ code: 'WEBSOCKET_CLOSED', closeCode: 4001 })
  expect((await failureOf(outgoing.send('late'))) as Error).toMatchObject({
    code: 'CHANNEL_CANCELLED',
    cause: { closeCode: 4001 },
  })
  expect(listeners(client)).toBe(0)
})

test('closing what goes out with an error closes it with 1011, and fails nothing else', async () => {
  const { client, server } = await connected()
  const closed = closeOf(server)
  const request = new TestScope()
  const { incoming, outgoing } = request.run(() => ws.connect(client))
  outgoing.close(new Error('out of paper'))
  expect(await closed).toEqual([1011, 'out of paper'])
  expect(await failureOf(incoming.receive())).toMatchObject({ closeCode: 1011 })
  expect([request.failures, request.bonds]).toEqual([[], 0])
})

test('an error of encode reaches the producer, and the peer', async () => {
  const { client, server } = await connected()
  const closed = closeOf(server)
  const failure = new Error('cannot be encoded')
  const { incoming, outgoing } = ws.connect<string, string>(client, {
    encode() {
      throw failure
    },
  })
  await outgoing.send('value')
  expect(await failureOf(outgoing.send('another'))).toMatchObject({ code: 'CHANNEL_CANCELLED', cause: failure })
  expect(await closed).toEqual([1011, 'cannot be encoded'])
  expect(await failureOf(incoming.next())).toMatchObject({ closeCode: 1011 })
})

test('the end of its scope terminates it and cancels what goes out', async () => {
  const { client, server } = await connected()
  const closed = closeOf(server)
  const request = new TestScope()
  const { outgoing } = request.run(() => ws.connect(client))
  request.scope.cancel()
  expect(await closed).toEqual([1006, ''])
  expect(await failureOf(outgoing.send('late'))).toMatchObject({
    code: 'CHANNEL_CANCELLED',
    cause: { code: 'SCOPE_CLOSED' },
  })
})

test('a wrong highWaterMark leaves the WebSocket free', async () => {
  const { client } = await connected()
  expect(() => ws.connect(client, { highWaterMark: -1 })).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
  ws.connect(client).incoming.cancel()
})
