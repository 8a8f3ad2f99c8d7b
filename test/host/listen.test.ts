import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs, { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { type IncomingMessage, request, type ServerResponse } from 'node:http'
import net, { type AddressInfo, connect, createServer, Server } from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { Server as SocketIoServer } from 'socket.io'
import type { SynclessError } from '../../src/core/index.js'
import type { NodeHttpOptions } from '../../src/host/index.js'
import { closeHosts, exchange, get, newHost, RawClient, started } from './support.js'

const dir = mkdtempSync(join(tmpdir(), 'syncless-listen-'))
const servers: Server[] = []

afterEach(closeHosts)
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})
afterAll(() => rmSync(dir, { recursive: true }))

const hello = (req: IncomingMessage, res: ServerResponse): void => {
  res.end(`hello ${req.socket.localAddress ?? 'file'}`)
}

function ask(where: { port?: number; host?: string; socketPath?: string }): Promise<string> {
  return new Promise((resolve, reject) => {
    const req = request({ ...where, agent: false }, async res => {
      let text = ''
      for await (const chunk of res) text += chunk
      resolve(text)
    })
    req.on('error', reject).end()
  })
}

async function freePort(host = '127.0.0.1'): Promise<number> {
  const server = createServer().listen(0, host)
  await new Promise(resolve => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise(resolve => server.close(resolve))
  return port
}

describe('several addresses', () => {
  test('are all served by the same mounts, and all closed', async () => {
    const host = newHost().mount('/', hello)
    const path = join(dir, 'several')
    const first = await host.listen({
      port: 0,
      host: '127.0.0.1',
      addresses: [{ port: 0, host: '127.0.0.2' }, { path }],
    })
    expect(host.address()).toEqual(first)
    const all = host.addresses()
    expect(all).toMatchObject([first, { address: '127.0.0.2' }, { address: path, family: 'unix', port: 0 }])
    expect(await ask({ port: first.port, host: '127.0.0.1' })).toBe('hello 127.0.0.1')
    expect(await ask({ port: all[1]?.port ?? 0, host: '127.0.0.2' })).toBe('hello 127.0.0.2')
    expect(await ask({ socketPath: path })).toBe('hello file')
    expect((await host.close()).clean).toBe(true)
    expect([host.address(), host.addresses()]).toEqual([null, []])
    for (const where of [first, { port: all[1]?.port ?? 0, host: '127.0.0.2' }, { socketPath: path }]) {
      await expect(ask(where)).rejects.toThrow(/ECONNREFUSED|ENOENT/)
    }
  })

  test('a Unix socket may be the first of them', async () => {
    const host = newHost().mount('/', hello)
    const path = join(dir, 'first')
    await host.listen({ path, addresses: [{ port: 0, host: '127.0.0.1' }] })
    expect(host.address()).toBe(path)
    expect(host.addresses()).toMatchObject([{ address: path }, { address: '127.0.0.1' }])
    expect(await ask({ socketPath: path })).toBe('hello file')
  })

  test('a connection that cannot be accepted is reported, and the next one is served', async () => {
    const errors: SynclessError[] = []
    const listened = jest.spyOn(Server.prototype, 'listen')
    const host = newHost({ onError: error => void errors.push(error) }).mount('/', hello)
    const { port } = await started(host)
    const [server] = listened.mock.contexts as Server[]
    listened.mockRestore()
    const failure = Object.assign(new Error('accept EMFILE'), { code: 'EMFILE' })
    server?.emit('error', failure)
    expect(errors).toMatchObject([
      { code: 'ACCEPT_FAILED', message: expect.stringContaining('EMFILE'), cause: failure },
    ])
    expect(await ask({ port, host: '127.0.0.1' })).toMatch(/^hello/)
  })

  test('alone in the list', async () => {
    const host = newHost().mount('/', hello)
    const { port } = await host.listen({ addresses: [{ port: 0, host: '127.0.0.1' }] })
    expect(host.addresses()).toHaveLength(1)
    expect(await ask({ port, host: '127.0.0.1' })).toBe('hello 127.0.0.1')
  })

  test('all or none: where one cannot be had the others are given back, and listen() may be called again', async () => {
    const taken = createServer().listen(0, '127.0.0.1')
    servers.push(taken)
    await new Promise(resolve => taken.once('listening', resolve))
    const { port } = taken.address() as AddressInfo
    const free = await freePort()
    const host = newHost().mount('/', hello)
    const both = [
      { port: free, host: '127.0.0.1' },
      { port, host: '127.0.0.1' },
    ]
    await expect(host.listen({ addresses: both })).rejects.toMatchObject({
      code: 'ADDRESS_IN_USE',
      message: expect.stringContaining(`port ${port} on 127.0.0.1`),
    })
    expect(host.addresses()).toEqual([])
    await host.listen({ addresses: both.slice(0, 1) })
    expect(await ask({ port: free, host: '127.0.0.1' })).toBe('hello 127.0.0.1')
  })

  test('what is no address is refused', async () => {
    const host = newHost()
    const code = 'INVALID_ARGUMENT'
    await expect(host.listen({})).rejects.toMatchObject({ code })
    await expect(host.listen({ port: 70_000 })).rejects.toMatchObject({ code })
    await expect(host.listen({ port: 0, protocol: 'ftp' as 'http' })).rejects.toMatchObject({ code })
    await expect(host.listen({ port: 0, protocol: 'https' })).rejects.toMatchObject({
      code,
      message: expect.stringContaining('createHost({ tls })'),
    })
    await expect(host.listen({ port: 0, host: '203.0.113.7' })).rejects.toMatchObject({ code: 'ADDRESS_IN_USE' })
  })
})

const hasIpv6 = Object.values(networkInterfaces()).some(list => list?.some(({ address }) => address === '::1'))
const testIpv6 = hasIpv6 ? test : test.skip

describe('IPv6', () => {
  testIpv6('"::" takes IPv4 clients, too', async () => {
    const host = newHost().mount('/', hello)
    const { port, family } = await host.listen({ port: 0, host: '::' })
    expect(family).toBe('IPv6')
    expect(await ask({ port, host: '::1' })).toBe('hello ::1')
    expect(await ask({ port, host: '127.0.0.1' })).toBe('hello ::ffff:127.0.0.1')
  })

  testIpv6('ipv6Only leaves IPv4 to others, on the same port', async () => {
    const port = await freePort('::')
    const six = newHost().mount('/', (_req: IncomingMessage, res: ServerResponse) => res.end('six'))
    await six.listen({ port, host: '::', ipv6Only: true })
    await expect(ask({ port, host: '127.0.0.1' })).rejects.toThrow('ECONNREFUSED')
    const four = newHost().mount('/', (_req: IncomingMessage, res: ServerResponse) => res.end('four'))
    await four.listen({ port, host: '0.0.0.0' })
    expect([await ask({ port, host: '::1' }), await ask({ port, host: '127.0.0.1' })]).toEqual(['six', 'four'])
  })

  testIpv6('both families at one port, as two addresses', async () => {
    const port = await freePort('::')
    const host = newHost().mount('/', hello)
    await host.listen({ port, host: '127.0.0.1', addresses: [{ port, host: '::1' }] })
    expect([await ask({ port, host: '127.0.0.1' }), await ask({ port, host: '::1' })]).toEqual([
      'hello 127.0.0.1',
      'hello ::1',
    ])
  })
})

/** The socket of a server that was killed, and could not remove it. */
async function leaveSocket(path: string): Promise<void> {
  const program = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`
  await new Promise(resolve => spawn(process.execPath, ['-e', program]).once('exit', resolve))
  expect(existsSync(path)).toBe(true)
}

describe('a Unix socket', () => {
  test('is served, tells apps its path, and is gone after the close', async () => {
    const path = join(dir, 'plain')
    const host = newHost().mount('/', hello)
    expect(await host.listen({ path })).toEqual({ address: path, family: 'unix', port: 0 })
    expect(host.address()).toBe(path)
    expect(host.server('/a').address()).toBe(path)
    expect(await ask({ socketPath: path })).toBe('hello file')
    await host.close()
    expect(existsSync(path)).toBe(false)
  })

  test('left by a dead process is refused by a code of its own, and replaced where that is asked for', async () => {
    const path = join(dir, 'stale')
    await leaveSocket(path)
    const host = newHost().mount('/', hello)
    await expect(host.listen({ path })).rejects.toMatchObject({
      code: 'STALE_SOCKET',
      message: expect.stringContaining('replaceStale'),
      cause: { code: 'EADDRINUSE' },
    })
    expect(existsSync(path)).toBe(true)
    await host.listen({ path, replaceStale: true })
    expect(await ask({ socketPath: path })).toBe('hello file')
    expect(readdirSync(dir).filter(name => name.startsWith('stale'))).toEqual(['stale'])
  })

  test('left by a dead process, and taken over by another at the same moment, is that one’s', async () => {
    const path = join(dir, 'race')
    await leaveSocket(path)
    const other = createServer(socket => void socket.on('error', () => {}).end('other'))
    servers.push(other)
    const rename = jest.spyOn(fs, 'renameSync').mockImplementationOnce((from, to) => {
      fs.unlinkSync(path)
      other.listen(path)
      fs.renameSync(from, to)
    })
    await expect(newHost().listen({ path, replaceStale: true })).rejects.toMatchObject({ code: 'ADDRESS_IN_USE' })
    rename.mockRestore()
    const [said] = await once(connect(path), 'data')
    expect(String(said)).toBe('other')
    expect(readdirSync(dir).filter(name => name.startsWith('race'))).toEqual(['race'])
  })

  test('left by a dead process, and removed by another at the same moment, is made anew', async () => {
    const path = join(dir, 'removed')
    await leaveSocket(path)
    const rename = jest.spyOn(fs, 'renameSync').mockImplementationOnce(from => {
      fs.unlinkSync(from)
      throw Object.assign(new Error('no such file'), { code: 'ENOENT' })
    })
    const host = newHost().mount('/', hello)
    await host.listen({ path, replaceStale: true })
    rename.mockRestore()
    expect(await ask({ socketPath: path })).toBe('hello file')
  })

  test('that was asked whether somebody listens is not kept busy with it', async () => {
    const path = join(dir, 'asked')
    const other = createServer()
    servers.push(other)
    await new Promise<void>(resolve => void other.listen(path, resolve))
    const asked = once(other, 'connection')
    await expect(newHost().listen({ path })).rejects.toMatchObject({ code: 'ADDRESS_IN_USE' })
    const [socket] = await asked
    await new Promise(resolve =>
      socket
        .on('error', () => {})
        .once('close', resolve)
        .resume(),
    )
  })

  test('that another server listens at is never taken', async () => {
    const path = join(dir, 'live')
    const other = newHost().mount('/', (_req: IncomingMessage, res: ServerResponse) => res.end('other'))
    await other.listen({ path })
    const host = newHost()
    for (const replaceStale of [false, true]) {
      await expect(host.listen({ path, replaceStale })).rejects.toMatchObject({
        code: 'ADDRESS_IN_USE',
        message: expect.stringContaining('another server'),
      })
    }
    expect(await ask({ socketPath: path })).toBe('other')
  })

  test('of a server that is too busy to take a connection is no stale one', async () => {
    const path = join(dir, 'busy')
    const program = `require('net').createServer().listen({ path: ${JSON.stringify(path)}, backlog: 1 }, () => {
      process.stdout.write('listens', () => process.kill(process.pid, 'SIGSTOP'))
    })`
    const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] })
    await once(child.stdout, 'data')
    const waiting = Array.from({ length: 10 }, () => connect(path))
    await Promise.any(waiting.map(socket => once(socket, 'error').then(([error]) => expect(error.code).toBe('EAGAIN'))))
    for (const socket of waiting) socket.on('error', () => {})
    await expect(newHost().listen({ path, replaceStale: true })).rejects.toMatchObject({ code: 'ADDRESS_IN_USE' })
    expect(existsSync(path)).toBe(true)
    for (const socket of waiting) socket.destroy()
    child.kill('SIGKILL')
  })

  test('is not made where a file is', async () => {
    const path = join(dir, 'file')
    writeFileSync(path, 'precious')
    await expect(newHost().listen({ path, replaceStale: true })).rejects.toMatchObject({
      code: 'ADDRESS_IN_USE',
      message: expect.stringContaining('a file, not a socket'),
    })
    expect(existsSync(path)).toBe(true)
    await expect(newHost().listen({ path: join(dir, 'no/such/folder') })).rejects.toMatchObject({
      code: 'ADDRESS_IN_USE',
    })
  })

  test('that a successor has put in its place survives the close', async () => {
    const path = join(dir, 'rolling')
    const before = newHost()
    await before.listen({ path })
    const after = newHost().mount('/', (_req: IncomingMessage, res: ServerResponse) => res.end('after'))
    await after.listen({ path: `${path}.next` })
    renameSync(`${path}.next`, path)
    await before.close()
    expect(await ask({ socketPath: path })).toBe('after')
  })
})

describe('options of http.Server', () => {
  async function served(http: NodeHttpOptions, handler = hello) {
    const host = newHost({ http }).mount('/', handler)
    return (await started(host)).port
  }
  const shown = (req: IncomingMessage, res: ServerResponse): void => {
    res.end(JSON.stringify(req.headers))
  }

  test('maxHeaderSize, maxHeadersCount', async () => {
    expect(await exchange(await served({ maxHeaderSize: 200 }), get('/', `a: ${'x'.repeat(200)}\n`))).toContain(' 431 ')
    const text = await exchange(await served({ maxHeadersCount: 3 }, shown), get('/', 'a: 1\nb: 2\n'))
    // Earlier releases of Node drop what is too many, later ones refuse the request.
    expect(text).toMatch(/\{"host":"x","connection":"close","a":"1"\}| 431 /)
  })

  test('headersTimeout, requestTimeout and connectionsCheckingInterval', async () => {
    const options = { headersTimeout: 20, requestTimeout: 40, connectionsCheckingInterval: 10 }
    const port = await served(options, (req, res) => void req.on('end', () => res.end()).resume())
    for (const part of ['', 'GET / HTTP/1.1\n', 'POST / HTTP/1.1\nHost: x\nContent-Length: 5\n\nab']) {
      expect(await exchange(port, part)).toBe('HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n')
    }
  })

  test('keepAliveTimeout and timeout', async () => {
    const idle = new RawClient(await served({ keepAliveTimeout: 1 })).send('GET / HTTP/1.1\nHost: x\n\n')
    await idle.closed
    expect(idle.text).toContain('hello')
    const silent = new RawClient(await served({ timeout: 10 }, () => {})).send(get('/'))
    await silent.closed
    expect(silent.text).toBe('')
  })

  test('noDelay, keepAlive and keepAliveInitialDelay, with the default of Node', async () => {
    const made = jest.spyOn(net, 'createServer')
    await served({})
    await served({ noDelay: false, keepAlive: true, keepAliveInitialDelay: 5 })
    expect(made.mock.calls.map(([options]) => options)).toMatchObject([
      { noDelay: true },
      { noDelay: false, keepAlive: true, keepAliveInitialDelay: 5 },
    ])
    made.mockRestore()
  })

  test('maxRequestsPerSocket', async () => {
    const client = new RawClient(await served({ maxRequestsPerSocket: 2, keepAliveTimeout: 1 }))
    client.send('GET / HTTP/1.1\nHost: x\n\n'.repeat(3))
    await client.closed
    expect(client.text.match(/HTTP\/1.1 \d+|Connection: [\w-]+/g)).toEqual([
      'HTTP/1.1 200',
      'Connection: keep-alive',
      'HTTP/1.1 200',
      'Connection: close',
      'HTTP/1.1 503',
      'Connection: close',
    ])
  })

  test('insecureHTTPParser, requireHostHeader, joinDuplicateHeaders', async () => {
    const odd = 'GET / HTTP/1.1\nConnection: close\nHost: x\na: \x01\n\n'
    expect(await exchange(await served({}), odd)).toContain(' 400 ')
    expect(await exchange(await served({ insecureHTTPParser: true }), odd)).toContain(' 200 ')
    const noHost = 'GET / HTTP/1.1\nConnection: close\n\n'
    expect(await exchange(await served({}), noHost)).toContain(' 400 ')
    expect(await exchange(await served({ requireHostHeader: false }), noHost)).toContain(' 200 ')
    const twice = get('/', 'age: 1\nage: 2\n')
    expect(await exchange(await served({}, shown), twice)).toContain('"age":"1"')
    expect(await exchange(await served({ joinDuplicateHeaders: true }, shown), twice)).toContain('"age":"1, 2"')
  })

  test('uniqueHeaders, rejectNonStandardBodyWrites, highWaterMark', async () => {
    const cookies = (_req: IncomingMessage, res: ServerResponse): void => {
      res.setHeader('x-a', ['1', '2']).end()
    }
    expect(await exchange(await served({ uniqueHeaders: ['x-a'] }, cookies), get('/'))).toContain('x-a: 1; 2')
    const marks = (req: IncomingMessage, res: ServerResponse): void => {
      res.end(`${req.socket.readableHighWaterMark}`)
    }
    expect(await exchange(await served({ highWaterMark: 12_345 }, marks), get('/'))).toContain('12345')
    const errors: unknown[] = []
    const strict = newHost({ http: { rejectNonStandardBodyWrites: true }, onError: error => void errors.push(error) })
    strict.mount('/', (_req: IncomingMessage, res: ServerResponse) => res.writeHead(204).end('body'))
    expect(await exchange((await started(strict)).port, get('/'))).not.toContain('body')
    expect(errors).toMatchObject([{ cause: { code: 'ERR_HTTP_BODY_NOT_ALLOWED' } }])
  })

  test('one that Node refuses is refused where the host is made', () => {
    const bad = expect.objectContaining({ code: 'INVALID_ARGUMENT', message: expect.stringContaining('http') })
    expect(() => newHost({ http: { headersTimeout: -1 } })).toThrow(bad)
    expect(() => newHost({ http: { headersTimeout: 9, requestTimeout: 5 } })).toThrow(bad)
    expect(() => newHost({ http: { maxHeaderSize: 'big' as unknown as number } })).toThrow(bad)
    for (const option of ['timeout', 'maxHeadersCount', 'maxRequestsPerSocket']) {
      for (const value of [-1, 0.5, '1']) expect(() => newHost({ http: { [option]: value } })).toThrow(bad)
    }
  })

  test('what an app sees as its server is an http.Server', async () => {
    const seen: unknown[] = []
    const port = await served({}, (req, res) => {
      seen.push((req.socket as unknown as { server: unknown }).server)
      res.end()
    })
    await exchange(port, get('/'))
    const { Server } = jest.requireActual('node:http')
    expect(seen[0]).toBeInstanceOf(Server)
    // As some apps do it; it reaches the port, and no mount.
    expect(() => new SocketIoServer(seen[0] as Server as never)).not.toThrow()
  })
})

describe('Unix sockets that others have', () => {
  const unix = process.platform === 'linux' ? test : test.skip

  unix(
    'an abstract name that is taken is ADDRESS_IN_USE, whatever is to be replaced, and free after the close',
    async () => {
      const path = `\0syncless-${process.pid}`
      const [first, second] = [newHost(), newHost()]
      await first.listen({ path })
      for (const replaceStale of [false, true]) {
        await expect(second.listen({ path, replaceStale })).rejects.toMatchObject({
          code: 'ADDRESS_IN_USE',
          message: expect.stringContaining(`@syncless-${process.pid}`),
        })
      }
      await first.close()
      await second.listen({ path })
    },
  )

  unix('a file that cannot be moved away is CLOSE_FAILED in the report, and the host is closed', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'syncless-unix-'))
    const path = join(folder, 'a.sock')
    const host = newHost()
    await host.listen({ path })
    rmSync(path)
    // Another process has the path by now; a folder in its way is nothing that its socket can be moved onto.
    const other = createServer().listen(path)
    await once(other, 'listening')
    const aside = `${path}.${process.pid}.kept`
    mkdirSync(join(aside, 'full'), { recursive: true })
    const report = await host.close()
    const moved = { code: 'CLOSE_FAILED', message: expect.stringContaining('could not be moved out of the way') }
    expect(report).toMatchObject({ clean: false, errors: [moved] })
    await new Promise(resolve => other.close(resolve))
    rmSync(folder, { recursive: true })
  })

  unix('one that cannot be moved back is CLOSE_FAILED as well, and the report says where it is', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'syncless-unix-'))
    const path = join(folder, 'a.sock')
    const host = newHost()
    await host.listen({ path })
    rmSync(path)
    const other = createServer(socket => void socket.on('error', () => {}).end('other')).listen(path)
    await once(other, 'listening')
    // A folder takes the path at the moment at which it is free.
    const rename = jest.spyOn(fs, 'renameSync').mockImplementationOnce((from, to) => {
      fs.renameSync(from, to)
      mkdirSync(join(path, 'full'), { recursive: true })
    })
    const report = await host.close()
    rename.mockRestore()
    const aside = `${path}.${process.pid}.kept`
    const left = { code: 'CLOSE_FAILED', message: expect.stringContaining(`could not be moved back from ${aside}`) }
    expect(report).toMatchObject({ clean: false, errors: [left] })
    // The other server is still reached where the report says.
    const [said] = await once(connect(aside), 'data')
    expect(String(said)).toBe('other')
    await new Promise(resolve => other.close(resolve))
    rmSync(folder, { recursive: true })
  })
})
