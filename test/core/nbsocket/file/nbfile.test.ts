import { once } from 'node:events'
import { createServer, connect as netConnect, type Socket } from 'node:net'
import { Duplex, PassThrough } from 'node:stream'
import { go, timeout } from '../../../../src/core/index.js'
import { type ByteDuplex, nbfile } from '../../../../src/core/nbsocket/file/nbfile.js'
import { rejection, reported } from '../../support.js'
import { thrown } from '../file-support.js'

/** Two ends of a TCP connection. */
async function tcp(): Promise<[Socket, Socket]> {
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const client = netConnect({ port, host: '127.0.0.1', allowHalfOpen: true })
  const [[accepted]] = await Promise.all([once(server, 'connection'), once(client, 'connect')])
  server.close()
  return [client, accepted as Socket]
}

test('two files talk over TCP, line by line, and end one after the other', async () => {
  const [ours, theirs] = await tcp()
  const serving = go(function* () {
    const file = nbfile(theirs, { name: 'served' }).text()
    yield* file.each(function* (line) {
      yield* file.write(`${[...line].reverse().join('')}\n`)
    })
    yield* file.close()
  })
  const file = nbfile(ours).text()
  await file.write('stressed\n')
  expect(await file.readLine()).toBe('desserts\n')
  await file.write('€1\nno end')
  await file.close()
  expect(await file.readAll()).toBe('1€\ndne on\n')
  await serving
  expect(await rejection(file.write('x'))).toMatchObject({ code: 'FILE_CLOSED' })
  ours.destroy()
  theirs.destroy()
})

test('large writes arrive whole, however slowly they are read', async () => {
  const [ours, theirs] = await tcp()
  const data = Buffer.alloc(4e6)
  for (let i = 0; i < data.length; i += 4) data.writeUInt32BE(i, i)
  const writing = go(function* () {
    const file = nbfile(ours)
    for (let at = 0; at < data.length; at += 10_007) yield* file.write(data.subarray(at, at + 10_007))
    yield* file.close()
  })
  const file = nbfile(theirs)
  const parts: Buffer[] = []
  for (;;) {
    const part = await file.read(33_333)
    if (part.length === 0) break
    parts.push(part)
  }
  await writing
  expect(Buffer.concat(parts).equals(data)).toBe(true)
  ours.destroy()
  theirs.destroy()
})

test('a peer that resets fails what is under way on both sides of the file', async () => {
  const [ours, theirs] = await tcp()
  const file = nbfile(ours)
  const reading = go(() => file.read(1))
  theirs.resetAndDestroy()
  expect(await rejection(reading)).toMatchObject({ code: 'ECONNRESET' })
  await reported(async () => {
    expect(await rejection(file.write('x').then(() => file.flush()))).toBeDefined()
  })
})

test('one is made of a pair of streams', async () => {
  const readable = new PassThrough()
  const writable = new PassThrough()
  const file = nbfile({ readable, writable }).text('latin1')
  readable.end('caf\xe9\n', 'latin1')
  expect(await file.readLine()).toBe('café\n')
  await file.write('caf\xe9')
  await file.close()
  expect(Buffer.concat(await writable.toArray())).toEqual(Buffer.from('café', 'latin1'))
})

test('text of a file is the file itself: it shares what is read and written', async () => {
  const [ours, theirs] = await tcp()
  const file = nbfile(ours)
  await file.text().write('written ')
  await file.bytes().write('twice')
  await file.text().close()
  expect(String(await nbfile(theirs).readAll())).toBe('written twice')
  ours.destroy()
  theirs.destroy()
})

test('await using closes it: nothing that was written is lost', async () => {
  const [ours, theirs] = await tcp()
  {
    await using file = nbfile(ours)
    await file.write('sent at the end')
  }
  expect(String(await timeout(1000, nbfile(theirs).readAll()))).toBe('sent at the end')
  ours.destroy()
  theirs.destroy()
})

test.each<[string, unknown]>([
  ['nothing', null],
  ['no stream', {}],
  [
    'objects',
    Duplex.from(async function* (source: AsyncIterable<unknown>) {
      yield* source
    }),
  ],
])('%s is INVALID_ARGUMENT', (_, duplex) => {
  expect(thrown(() => nbfile(duplex as ByteDuplex))).toMatchObject({ code: 'INVALID_ARGUMENT' })
})
