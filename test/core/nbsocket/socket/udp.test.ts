import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { enterScope, go, Scope, scope, select, sleep, timeout } from '../../../../src/core/index.js'
import { bindUdp, type UdpSocket } from '../../../../src/core/nbsocket/socket/udp.js'
import { assertNoLeaks } from '../../../../src/testing/index.js'
import { rejection, watch } from '../../support.js'
import { thrown, turns } from '../file-support.js'
import { testIpv6 } from '../support.js'

const invalid = expect.objectContaining({ code: 'INVALID_ARGUMENT' })
const closed = expect.objectContaining({ code: 'SOCKET_CLOSED' })
const local = { host: '127.0.0.1' }

/** Waits until `count` datagrams have arrived, be they kept or dropped. */
async function arrived(socket: UdpSocket, count: number): Promise<void> {
  for (;;) {
    const { buffered, dropped } = socket.datagrams.statistics()
    if (buffered + dropped >= count) return
    await sleep(1)
  }
}

test('a datagram is received by whom it was sent to, with where it came from', async () => {
  await using server = await bindUdp(local)
  await using client = await bindUdp(local)
  await client.sendTo('question', server.address)
  const { data, ...from } = await server.recvFrom()
  expect([String(data), from]).toEqual(['question', client.address])
  await server.sendTo(Buffer.from('answer'), from)
  await server.sendTo('', { port: from.port })
  expect(String((await client.recvFrom()).data)).toBe('answer')
  expect((await client.recvFrom()).data.length).toBe(0)
})

testIpv6('over IPv6', async () => {
  await using server = await bindUdp({ host: '::1' })
  await using client = await bindUdp({ family: 'IPv6' })
  await client.sendTo('six', { port: server.address.port })
  expect(await server.recvFrom()).toMatchObject({ address: '::1', family: 'IPv6' })
})

test('a receive that loses takes nothing', async () => {
  await using server = await bindUdp(local)
  expect((await select({ got: server.recvFrom(), late: sleep(1) })).key).toBe('late')
  const killed = go(() => server.recvFrom())
  await turns()
  await killed.kill()
  await server.sendTo('mine', server.address)
  expect(String((await server.recvFrom()).data)).toBe('mine')
})

test.each(['drop-newest', 'drop-oldest'] as const)('what has no room is dropped by %s, and counted', async overflow => {
  await using server = await bindUdp({ ...local, capacity: 2, overflow })
  for (const text of ['1', '2', '3', '4']) await server.sendTo(text, server.address)
  await arrived(server, 4)
  expect(server.datagrams.statistics()).toMatchObject({ buffered: 2, dropped: 2 })
  const kept = [await server.recvFrom(), await server.datagrams.receive()].map(({ data }) => String(data))
  expect(kept).toEqual(overflow === 'drop-newest' ? ['1', '2'] : ['3', '4'])
})

test('close wakes who receives; what had come can still be taken', async () => {
  const server = await bindUdp(local)
  await server.sendTo('last', server.address)
  await arrived(server, 1)
  await server.close()
  await server.close()
  expect(String((await server.recvFrom()).data)).toBe('last')
  expect(await rejection(server.recvFrom())).toEqual(closed)
  expect(await rejection(server.sendTo('x', { port: 1 }))).toEqual(closed)
  expect(thrown(() => server.setTtl(1))).toEqual(closed)
  const other = await bindUdp(local)
  const waiting = watch(other.recvFrom())
  await turns()
  other.close()
  await turns()
  expect(waiting.outcome).toEqual(closed)
})

test('cancelling its channel closes it', async () => {
  const socket = await bindUdp(local)
  const port = socket.address.port
  socket.datagrams.cancel()
  await socket.close()
  await using again = await bindUdp({ ...local, port })
  expect(again.address.port).toBe(port)
})

test('it is closed with its scope', async () => {
  await assertNoLeaks(async () => {
    const connection = new Scope({ name: 'connection' })
    const socket = await enterScope(connection, async () => ({ udp: await bindUdp(local) }))
    const waiting = watch(socket.udp.recvFrom())
    await turns()
    connection.cancel()
    await connection.close()
    await turns()
    expect(waiting.outcome).toMatchObject({ code: 'SCOPE_CLOSED' })
    await scope(function* () {
      yield* bindUdp(local)
    })
  })
})

test('a bind that loses leaves no socket', async () => {
  await assertNoLeaks(async () => {
    const t = go(() => bindUdp({ host: 'localhost' }))
    await Promise.resolve()
    await t.kill()
  })
})

test('a host that nobody knows is NAME_NOT_FOUND', async () => {
  expect(await rejection(bindUdp({ host: 'nobody.invalid' }))).toMatchObject({
    code: 'NAME_NOT_FOUND',
    message: expect.stringContaining('nobody.invalid'),
  })
})

test('an address that is taken, or is none of ours, is ADDRESS_IN_USE', async () => {
  await using first = await bindUdp(local)
  const taken = await rejection(bindUdp({ ...local, port: first.address.port }))
  expect(taken).toMatchObject({ code: 'ADDRESS_IN_USE', systemCode: 'EADDRINUSE' })
  expect(await rejection(bindUdp({ host: '192.0.2.1' }))).toMatchObject({ systemCode: 'EADDRNOTAVAIL' })
})

test('what the kernel refuses is SEND_FAILED', async () => {
  await using socket = await bindUdp(local)
  const large = await rejection(socket.sendTo(Buffer.alloc(70_000), socket.address))
  expect(large).toMatchObject({ code: 'SEND_FAILED', systemCode: 'EMSGSIZE' })
  const broadcast = await rejection(socket.sendTo('x', { host: '255.255.255.255', port: 9 }))
  expect(broadcast).toMatchObject({ code: 'SEND_FAILED' })
})

test('close wakes who waits to send, also for a name', async () => {
  const socket = await bindUdp(local)
  const sending = watch(socket.sendTo('x', { host: 'localhost', port: 9 }))
  await socket.close()
  await turns()
  expect(sending.outcome).toEqual(closed)
  expect(await rejection(socket.sendTo('x', { port: 9 }))).toEqual(closed)
})

test('several sockets may share a port, to be members of a group', async () => {
  const first = await bindUdp({ reuseAddr: true })
  await using second = await bindUdp({ reuseAddr: true, port: first.address.port })
  expect(second.address.port).toBe(first.address.port)
  await first.close()
})

test('a multicast reaches the members of its group', async () => {
  const group = '239.255.77.7'
  await using socket = await bindUdp()
  try {
    socket.addMembership(group, '127.0.0.1')
    socket.setMulticastInterface('127.0.0.1')
  } catch (error) {
    // A machine without multicast on its loopback.
    expect(error).toEqual(invalid)
    return
  }
  socket.setMulticastTtl(1)
  socket.setMulticastLoopback(true)
  socket.setBroadcast(true)
  socket.setTtl(64)
  await socket.sendTo('to all', { host: group, port: socket.address.port })
  const got = await timeout(2000, socket.recvFrom(), { else: null })
  if (got !== null) expect(String(got.data)).toBe('to all')
  socket.dropMembership(group, '127.0.0.1')
  expect(thrown(() => socket.dropMembership(group, '127.0.0.1'))).toEqual(invalid)
})

test('membership for one sender', async () => {
  await using socket = await bindUdp()
  expect(thrown(() => socket.addSourceMembership('127.0.0.1', 'no group'))).toEqual(invalid)
  expect(thrown(() => socket.dropSourceMembership('127.0.0.1', '232.1.1.1'))).toEqual(invalid)
})

test('it talks to others than ours', async () => {
  await using socket = await bindUdp(local)
  const other = createSocket('udp4').bind(0, '127.0.0.1')
  await once(other, 'listening')
  const message = once(other, 'message')
  await socket.sendTo('hello', { host: 'localhost', port: other.address().port })
  expect(String((await message)[0])).toBe('hello')
  other.close()
})

test.each<[string, () => unknown]>([
  ['a port', () => bindUdp({ port: 65536 })],
  ['a capacity', () => bindUdp({ capacity: -1 })],
  ['an option', () => bindUdp(null as unknown as object)],
  ['a host', () => bindUdp({ host: 7 as unknown as string })],
  ['a family', () => bindUdp({ family: 'IPv5' as 'IPv6' })],
  ['a size', () => bindUdp({ recvBufferSize: -1 })],
  ['a policy', () => bindUdp({ overflow: 'block' as 'error' })],
  ['a policy that keeps one, without room', () => bindUdp({ capacity: 0, overflow: 'latest' })],
])('%s that is wrong is INVALID_ARGUMENT', (_, make) => {
  expect(thrown(make)).toEqual(invalid)
})

test('what cannot be sent is INVALID_ARGUMENT', async () => {
  await using socket = await bindUdp(local)
  expect(thrown(() => socket.sendTo(7 as unknown as string, { port: 1 }))).toEqual(invalid)
  expect(thrown(() => socket.sendTo('x', { port: 0 }))).toEqual(invalid)
  expect(thrown(() => socket.sendTo('x', { port: 1, host: 7 as unknown as string }))).toEqual(invalid)
  expect(thrown(() => socket.sendTo('x', null as unknown as { port: number }))).toEqual(invalid)
})
