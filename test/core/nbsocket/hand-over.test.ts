/** What was read from already changes hands: descriptors of a parent, standard input, sockets of an upgrade. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { text } from 'node:stream/consumers'
import { connect, fromSocket, nbfile } from '../../../src/core/nbsocket/index.js'
import { createHost } from '../../../src/host/index.js'
import { type Scripts, scripts } from '../process.js'
import { closing, everything, host, portOf } from './support.js'

const kept = closing()

describe('of another process', () => {
  let script: Scripts
  beforeAll(() => {
    script = scripts({ nbsocket: true })
  })
  afterAll(() => script.remove())

  /** Starts `source`, with a socket as its descriptor 3; what it tells comes out of standard output. */
  function started(source: string): { child: ChildProcess; said: Promise<string> } {
    const child = spawn(process.execPath, [script.write(source)], { stdio: ['pipe', 'pipe', 'inherit', 'pipe'] })
    return { child, said: text(child.stdout as Duplex) }
  }

  /** Waits until it has read the head. */
  const READY = "process.stdout.write('ready ')"
  const TOLD = `
    const log = []
    for (const event of ['data', 'end', 'finish', 'error', 'close'])
      stream.on(event, what => log.push(event === 'data' ? String(what) : event))
    stream.on('close', () => process.stdout.write(log.join(' ')))`

  test('a stream of fromFd() has what a file over it held, and ends as one of Node', async () => {
    const { child, said } = started(`
      const sock = nbsocket.fromFd(3)
      const file = nbsocket.nbfile(sock)
      await file.readLine()
      ${READY}
      const stream = sock.stream
      ${TOLD}`)
    const parent = kept(fromSocket(child.stdio[3] as Socket))
    await parent.send('head\nbody')
    await parent.shutdown()
    expect(await said).toBe('ready body end finish close')
  })

  test('a stream of fromFd() is taken over once more, by another nbsocket', async () => {
    const { child, said } = started(`
      const first = nbsocket.fromFd(3)
      await nbsocket.nbfile(first).readLine()
      const second = nbsocket.fromSocket(first.stream)
      const file = nbsocket.nbfile(second)
      await file.readLine()
      const third = nbsocket.fromSocket(second.stream)
      await third.send('answer to ' + await third.recv())
      await third.close()`)
    const parent = kept(fromSocket(child.stdio[3] as Socket))
    await parent.send('one\ntwo\nthree')
    expect(String(await everything(parent))).toBe('answer to three')
    await parent.close()
    expect(await said).toBe('')
  })

  test.each(['socket', 'pipe'])('standard input, a %s, is taken over from the console', async kind => {
    const source = `
      const terminal = nbsocket.nbconsole()
      await terminal.readLine()
      const sock = nbsocket.fromSocket(process.stdin)
      let all = ''
      for (let got; (got = await sock.recv()).length > 0; ) all += got
      process.stdout.write(all + ' ')
      await terminal.readLine().then(null, error => process.stdout.write(error.code))`
    const file = script.write(source)
    const program = kind === 'pipe' ? ['sh', '-c', `cat | '${process.execPath}' '${file}'`] : [process.execPath, file]
    const child = spawn(program[0] as string, program.slice(1), { stdio: ['pipe', 'pipe', 'inherit'] })
    child.stdin.write('head\nbody')
    // It is alive still, although nothing comes.
    setTimeout(() => child.stdin.end(' and more'), 100)
    expect(await text(child.stdout)).toBe('body and more ALREADY_CONSUMED')
  })

  test('standard input of which a read waits is not taken over', async () => {
    const { child, said } = started(`
      const terminal = nbsocket.nbconsole()
      const line = terminal.readLine().then(line => process.stdout.write(line))
      await sleep(1)
      try { nbsocket.fromSocket(process.stdin) } catch (error) { process.stdout.write(error.code + ' ') }
      await line`)
    await once(child.stdout as Duplex, 'data').then(([data]) => expect(String(data)).toBe('BUSY '))
    child.stdin?.end('line\n')
    child.stdio[3]?.destroy()
    await said
  })
})

type Upgraded = (req: IncomingMessage, socket: Duplex, head: Buffer) => void

/** A bare server and a host, with somebody who takes upgrades. */
const servers: Record<string, (upgraded: Upgraded) => Promise<number>> = {
  async 'a bare server'(upgraded) {
    const server = kept(createServer()).on('upgrade', upgraded).listen(0, host)
    await once(server, 'listening')
    return portOf(server)
  },
  async 'a host'(upgraded) {
    const hosting = createHost()
    hosting.server('/').on('upgrade', upgraded)
    const { port } = await hosting.listen({ port: 0, host })
    kept({ close: () => hosting.close({ deadline: 0 }) })
    return port
  },
}

const OFFER = 'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: lines\r\n\r\n'
const ACCEPTED = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: lines\r\n\r\n'

describe.each(Object.keys(servers))('the socket of an upgrade on %s', name => {
  test.each(['', 'head', 'head\nand bod', 'head\nand body\n'])(
    'with %j read by its server goes to an nbsocket, and back to Node',
    async early => {
      const rest = 'head\nand body\n'.slice(early.length)
      const port = await servers[name]?.(async (_req, socket, head) => {
        socket.unshift(head)
        const sock = fromSocket(socket)
        await sock.send(ACCEPTED)
        const file = nbfile(sock)
        expect(String(await file.readLine())).toBe('head\n')
        const stream = sock.stream
        expect(stream).toBe(socket)
        let got = ''
        stream.on('data', data => {
          got += data
        })
        await once(stream, 'end')
        stream.end(`got ${got}`)
      })
      const client = kept(await connect({ port: Number(port), host }))
      await client.send(OFFER + early)
      const answer = nbfile(client)
      await answer.readUntil('\r\n\r\n')
      await client.send(rest)
      await client.shutdown()
      expect(String(await answer.readAll())).toBe('got and body\n')
    },
  )

  test('closes as one of Node when its client ends it', async () => {
    const log: string[] = []
    let closed = () => {}
    const over = new Promise<void>(resolve => {
      closed = resolve
    })
    const port = await servers[name]?.(async (_req, socket, head) => {
      socket.unshift(head)
      const sock = fromSocket(socket)
      await sock.send(ACCEPTED)
      await nbfile(sock).readLine()
      const stream = sock.stream
      for (const event of ['data', 'end', 'finish', 'error', 'close']) stream.on(event, () => log.push(event))
      // Sockets of a server are half-open.
      stream.on('end', () => stream.end()).on('close', closed)
    })
    const client = kept(await connect({ port: Number(port), host }))
    await client.send(`${OFFER}head\nbody`)
    await client.shutdown()
    await over
    expect(log.join(' ')).toBe('data end finish close')
  })
})
