/** What a buffered file has read ahead goes along when its socket or stream changes hands, or is refused. */
import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import { toChannel as iterate } from '../../../../src/adapters/iterator/index.js'
import { toChannel } from '../../../../src/adapters/stream/index.js'
import { byteSource, fromSocket, limitReader, nbfile, nbreader } from '../../../../src/core/nbsocket/index.js'
import { ca, server as certificate } from '../../../host/certificates.js'
import { closing, tcpPair } from '../support.js'

const kept = closing()

/** Two ends, and a file over one of them that has read a line, and holds what came after it. */
async function lineRead(rest = 'GREETING') {
  const { here, there } = await tcpPair()
  await here.send(`HTTP/1.1 200 OK\r\n\r\n${rest}`)
  const file = nbfile(there)
  await file.readUntil('\r\n\r\n')
  expect(file.buffered).toBe(rest.length)
  return { here: kept(here), there, file }
}

test('the stream of a socket has what a file over it holds', async () => {
  const { here, there, file } = await lineRead()
  await here.send(' and more')
  await there.readable()
  const stream = kept(there.stream)
  expect(file.buffered).toBe(0)
  let text = ''
  for await (const chunk of stream) {
    text += chunk
    if (text.length === 17) break
  }
  expect(text).toBe('GREETING and more')
  await expect(async () => file.readLine()).rejects.toMatchObject({ code: 'SOCKET_CLOSED' })
})

test('several files over one socket: in the order in which they began to hold', async () => {
  const { here, there, file } = await lineRead('one ')
  const second = nbreader(there)
  await here.send('x two ')
  expect(String(await second.readExactly(2))).toBe('x ')
  const idle = nbreader(there)
  expect(idle.buffered).toBe(0)
  await here.send('three')
  await there.readable()
  const stream = kept(there.stream)
  await once(stream, 'readable')
  // From Node 26 on, a read gives one chunk.
  let text = ''
  for (let chunk = stream.read(); chunk !== null; chunk = stream.read()) text += chunk
  expect(text).toBe('one two three')
  expect(file.buffered + second.buffered).toBe(0)
})

test('a file that held nothing when another one began is still known when it holds again', async () => {
  const { here, there, file } = await lineRead('')
  const second = nbreader(there)
  await here.send('a')
  await second.readExactly(1)
  await here.send('bc')
  expect(String(await file.readExactly(1))).toBe('b')
  const stream = kept(there.stream)
  expect(String((await once(stream, 'data'))[0])).toBe('c')
})

test('where the end was read, and the stream takes nothing back, it is refused, and the file keeps it', async () => {
  const { here, there, file } = await lineRead('left')
  await here.shutdown()
  await file.readUpTo(100)
  expect(file.sourceEnded).toBe(true)
  expect(() => there.stream).toThrow(expect.objectContaining({ code: 'ALREADY_CONSUMED' }))
  expect(String(await file.readAll())).toBe('left')
  kept(there.stream)
})

test('startTls() refuses it, as what nobody has received', async () => {
  const { there } = await lineRead('forged')
  await expect(async () => there.startTls({ ca })).rejects.toMatchObject({ code: 'STARTTLS_PLAINTEXT' })
})

test('startTls() takes it for the handshake where that is asked for', async () => {
  const { here, there } = await tcpPair()
  const file = nbfile(here)
  const secured = there.startTls({ ca, servername: 'localhost' }).then(sock => sock)
  expect(await file.readUpTo(1)).toBeGreaterThan(1)
  const server = kept(await here.startTls({ ...certificate, buffered: 'handshake' }))
  const client = kept(await secured)
  await client.send('hello')
  expect(String(await server.recv())).toBe('hello')
})

describe('of a file over a Node stream', () => {
  test('fromSocket() has it', async () => {
    const { here, there } = await tcpPair()
    const stream = there.stream
    const file = nbfile(stream)
    await here.send('head\nbody')
    expect(String(await file.readLine())).toBe('head\n')
    const sock = kept(fromSocket(stream))
    expect(String(await sock.recv())).toBe('body')
    await expect(async () => file.readLine()).rejects.toMatchObject({ code: 'ALREADY_CONSUMED' })
    kept(here)
  })

  test('fromSocket() refuses a stream of which a read waits', async () => {
    const { here, there } = await tcpPair()
    const stream = kept(there.stream)
    const reading = byteSource(stream)
      .recv()
      .then(bytes => bytes)
    expect(() => fromSocket(stream)).toThrow(expect.objectContaining({ code: 'BUSY' }))
    await here.send('first')
    expect(String(await reading)).toBe('first')
    kept(here)
  })

  test('a bridge has it', async () => {
    const stream = new PassThrough()
    stream.write('head\nbody')
    expect(String(await nbreader(stream).readLine())).toBe('head\n')
    const chunks = toChannel(stream)
    expect(String(await chunks.receive())).toBe('body')
    stream.end()
    expect((await chunks.next()).done).toBe(true)
  })

  test('an iteration has it', async () => {
    const stream = new PassThrough()
    stream.end('head\nbody')
    expect(String(await nbreader(stream).readLine())).toBe('head\n')
    const chunks = iterate<Buffer>(stream)
    expect(String(await chunks.receive())).toBe('body')
    expect((await chunks.next()).done).toBe(true)
  })
})

describe('of a reader over a reader', () => {
  test('the stream has all of it, in the order in which it came', async () => {
    const { here, there, file } = await lineRead('one two three four')
    const part = limitReader(file, 13)
    const words = nbreader(part)
    expect(String(await words.readUntil(' '))).toBe('one ')
    expect([file.buffered, part.buffered, words.buffered]).toEqual([5, 0, 9])
    await here.send(' five')
    await there.readable()
    const stream = kept(there.stream)
    expect([file.buffered, part.buffered, words.buffered]).toEqual([0, 0, 0])
    let text = ''
    for await (const chunk of stream) {
      text += chunk
      if (text.length === 19) break
    }
    expect(text).toBe('two three four five')
  })

  test('a part that loses what it held has not come to its end', async () => {
    const { there, file } = await lineRead('the body')
    const part = limitReader(file, 8)
    expect(String(await part.read(4))).toBe('the ')
    expect(await part.readUpTo(100)).toBe(4)
    expect(part.sourceEnded).toBe(true)
    const stream = kept(there.stream)
    expect(String((await once(stream, 'data'))[0])).toBe('body')
    expect(part.left).toBe(4)
    await expect(async () => part.readAll()).rejects.toMatchObject({ code: 'SOCKET_CLOSED' })
  })

  test('startTls() refuses it', async () => {
    const { there, file } = await lineRead('forged')
    expect(String(await limitReader(file, 6).readExactly(1))).toBe('f')
    await expect(async () => there.startTls({ ca })).rejects.toMatchObject({ code: 'STARTTLS_PLAINTEXT' })
  })
})

test('what was put back by unread() goes along', async () => {
  const { here, there } = await tcpPair()
  nbfile(there).unread('first ')
  await here.send('second')
  await there.readable()
  let text = ''
  for await (const chunk of kept(there.stream)) {
    text += chunk
    if (text.length === 12) break
  }
  expect(text).toBe('first second')
  kept(here)
})

test('one nbfile a message keeps none of those that are through', async () => {
  const { here, there } = await tcpPair()
  for (let i = 0; i < 100; i++) {
    await here.send('message\n')
    const file = nbfile(there)
    expect(String(await file.readLine())).toBe('message\n')
  }
  await here.send('rest')
  expect(String((await once(kept(there.stream), 'data'))[0])).toBe('rest')
  kept(here)
})
