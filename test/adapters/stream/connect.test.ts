import { type AddressInfo, connect as connectTo, createServer, type Socket } from 'node:net'
import { Duplex, PassThrough } from 'node:stream'
import * as stream from '../../../src/adapters/stream/index.js'
import { go } from '../../../src/core/index.js'
import { once, outcome, reported, TestScope, turns, watch } from '../support.js'

const failure = new Error('failure')

test('a conversation over a socket, half closed', async () => {
  const server = createServer({ allowHalfOpen: true }, (socket: Socket) => {
    const { incoming, outgoing } = stream.connect(socket, { decode: stream.decodeLines(), encode: stream.lines })
    go(function* () {
      yield* incoming.each(line => outgoing.send(line.toUpperCase()))
      yield* outgoing.send('bye')
      outgoing.close()
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const socket = connectTo((server.address() as AddressInfo).port, '127.0.0.1')
  const { incoming, outgoing } = stream.connect(socket, { decode: stream.decodeLines(), encode: stream.lines })
  await outgoing.send('one')
  expect(await incoming.receive()).toBe('ONE')
  await outgoing.send('two')
  outgoing.close()
  const rest: string[] = []
  for await (const line of incoming) rest.push(line)
  expect(rest).toEqual(['TWO', 'bye'])
  await new Promise(resolve => server.close(resolve))
})

test('whoever leaves one side leaves the other, in the same turn', async () => {
  const duplex = new PassThrough()
  const { incoming, outgoing } = stream.connect(duplex)
  const sending = watch(outgoing.ended)
  await turns()
  incoming.cancel(failure)
  expect(duplex.destroyed).toBe(true)
  await turns()
  expect(sending.outcome).toEqual({ by: 'cancel', reason: failure })
  expect(await outcome(outgoing.send('late'))).toMatchObject({ code: 'CHANNEL_CANCELLED', cause: failure })
})

test('an error of the duplex fails both sides', async () => {
  const duplex = new PassThrough()
  const { incoming, outgoing } = stream.connect(duplex)
  const received = watch(incoming.receive())
  duplex.destroy(failure)
  await turns()
  expect(received.outcome).toBe(failure)
  expect(await outgoing.ended).toEqual({ by: 'cancel', reason: failure })
})

test('an error of the duplex is told once: by what comes in, or, after its end, in a report', async () => {
  for (const readable of [true, false]) {
    const duplex = new Duplex({
      read() {
        if (!readable) this.push(null)
      },
      write: (_chunk, _encoding, done) => done(),
      final: done => done(failure),
    })
    const { incoming, outgoing } = stream.connect(duplex)
    const received = watch(incoming.next())
    await turns()
    const warnings = await reported(async () => outgoing.close())
    expect(received.outcome).toEqual(readable ? failure : { done: true, value: undefined })
    expect(warnings).toEqual(readable ? [] : [expect.stringContaining('"duplex" failed at its end: failure')])
  }
})

test('closing with an error destroys it', async () => {
  const duplex = new PassThrough()
  const { incoming, outgoing } = stream.connect(duplex)
  const received = watch(incoming.receive())
  outgoing.close(failure)
  await turns()
  expect([duplex.errored, received.outcome]).toEqual([failure, failure])
})

test('the scope ends both sides, and is not kept waiting', async () => {
  const request = new TestScope()
  const duplex = new PassThrough()
  const { incoming, outgoing } = request.run(() => stream.connect(duplex))
  expect([request.scope.size, request.bonds]).toEqual([0, 2])
  const received = watch(incoming.receive())
  request.scope.cancel()
  await turns()
  expect([duplex.destroyed, received.outcome]).toEqual([true, expect.objectContaining({ code: 'SCOPE_CLOSED' })])
  expect(await outcome(outgoing.send('late'))).toMatchObject({ code: 'CHANNEL_CANCELLED' })
  expect([request.bonds, request.failures]).toEqual([0, []])
})
