import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { HostPort } from '../../../src/adapters/port.js'
import type { SynclessError } from '../../../src/core/index.js'
import type { HostOptions } from '../../../src/host/index.js'
import { virtualClock } from '../../../src/testing/index.js'
import { closeHosts, defer, exchange, get, newHost, RawClient, started, turns } from '../support.js'

afterEach(closeHosts)

async function operated(options: HostOptions = {}) {
  const host = newHost({ admin: { port: 0 }, ...options })
  host.mount('/', (_req, res) => res.end('app'))
  const { port } = await started(host)
  const admin = host.adminAddress()
  if (admin === null) throw new Error('no admin port')
  return { host, port, admin: admin.port, address: admin.address }
}

const ask = async (port: number, path: string): Promise<string> =>
  (await exchange(port, get(path))).replace(/^HTTP\/1.1 (\d+)[\s\S]*\r\n\r\n/, '$1 ')

test('it is on the loopback address unless told otherwise, and apart from what the host serves', async () => {
  const { host, port, admin, address } = await operated()
  expect(address).toBe('127.0.0.1')
  expect(await ask(admin, '/livez')).toBe('200 ok\n')
  expect(await ask(admin, '/readyz?verbose')).toBe('200 ok\n')
  expect(await ask(admin, '/')).toBe('404 Not Found\n')
  expect(await ask(port, '/livez')).toBe('200 app')
  await host.close()
  expect(host.adminAddress()).toBe(null)
})

test('only GET and HEAD', async () => {
  const { admin } = await operated()
  for (const path of ['/livez', '/readyz', '/metrics']) {
    const post = await exchange(admin, get(path).replace('GET', 'POST'))
    expect(post).toMatch(/^HTTP\/1.1 405[\s\S]*Allow: GET, HEAD/)
    expect(await exchange(admin, get(path).replace('GET', 'HEAD'))).toMatch(/^HTTP\/1.1 200[\s\S]*\r\n\r\n$/)
  }
})

test('it can be a Unix socket', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'syncless-admin-'))
  const path = join(dir, 'admin.sock')
  const host = newHost({ admin: { path } })
  await started(host)
  expect(host.adminAddress()).toMatchObject({ address: path })
  const socket = connect(path)
  socket.end(get('/livez').replaceAll('\n', '\r\n'))
  let text = ''
  for await (const chunk of socket) text += chunk
  expect(text).toMatch(/200 OK[\s\S]*ok\n$/)
  await host.close()
  rmSync(dir, { recursive: true })
})

describe('readiness', () => {
  test('no before the apps are ready, yes while the host listens, no as soon as it is told to close', async () => {
    const clock = virtualClock()
    try {
      const [app, ready, starting, held] = [{}, defer(), defer(), defer()]
      const slow: HostPort = {
        name: 'slow',
        accepts: x => x === app,
        open: (_app, server) => {
          server.on('request', (req, res) => {
            if (req.url === '/held') held.resolve()
            else res.end('app')
          })
          return {
            ready: () => {
              starting.resolve()
              return ready.promise
            },
          }
        },
      }
      const host = newHost({ ports: [slow], admin: { port: 0 }, health: true })
      host.mount('/', app)
      const listening = host.listen({ port: 0, host: '127.0.0.1' })
      await starting.promise
      const admin = host.adminAddress()?.port ?? 0
      expect(await ask(admin, '/livez')).toBe('200 ok\n')
      expect(await ask(admin, '/readyz')).toBe('503 starting\n')
      ready.resolve()
      const { port } = await listening
      expect(await ask(admin, '/readyz')).toBe('200 ok\n')
      expect(await ask(port, '/readyz')).toBe('200 ok\n')

      const client = new RawClient(port).send(get('/held'))
      await held.promise
      const report = host.close({ readinessDelay: 1000, deadline: 1000 })
      for (const on of [admin, port]) {
        expect(await ask(on, '/livez')).toBe('200 ok\n')
        expect(await ask(on, '/readyz')).toBe('503 closing\n')
      }
      expect(await ask(port, '/')).toBe('200 app')
      await clock.advance(1000)
      expect(await ask(admin, '/livez')).toBe('200 ok\n')
      expect(await ask(admin, '/readyz')).toBe('503 closing\n')
      await clock.advance(1000)
      await Promise.all([report, client.closed])
      await expect(fetch(`http://127.0.0.1:${admin}/livez`)).rejects.toThrow()
    } finally {
      clock.restore()
    }
  })

  test('what the host is told to ask has a say', async () => {
    let answer: () => boolean | Promise<boolean> = () => true
    const errors: SynclessError[] = []
    const { admin } = await operated({ readiness: () => answer(), onError: error => errors.push(error) })
    expect(await ask(admin, '/readyz')).toBe('200 ok\n')
    answer = () => false
    expect(await ask(admin, '/readyz')).toBe('503 not ready\n')
    answer = () => Promise.reject(new Error('no database'))
    expect(await ask(admin, '/readyz')).toBe('503 not ready\n')
    expect(await ask(admin, '/readyz')).toBe('503 not ready\n')
    // What it failed with is the operator's to know, once.
    expect(errors).toMatchObject([{ code: 'HANDLER_FAILED', cause: { message: 'no database' } }])
    answer = () => true
    expect(await ask(admin, '/readyz')).toBe('200 ok\n')
    answer = () => {
      throw new Error('broken')
    }
    expect(await ask(admin, '/readyz')).toBe('503 not ready\n')
    expect(errors).toMatchObject([{}, { message: 'the readiness check failed', cause: { message: 'broken' } }])
    expect(await ask(admin, '/livez')).toBe('200 ok\n')
  })

  test('a check that is under way when the host begins to close does not say yes', async () => {
    const [asked, answer] = [defer(), defer<boolean>()]
    const { host, admin } = await operated({
      readiness: () => {
        asked.resolve()
        return answer.promise
      },
    })
    const checked = ask(admin, '/readyz')
    await asked.promise
    const clock = virtualClock()
    const report = host.close({ readinessDelay: 1000 })
    answer.resolve(true)
    expect(await checked).toBe('503 closing\n')
    await clock.advance(1000)
    await report
    clock.restore()
  })
})

describe('health on the host’s own addresses', () => {
  test('is exempt from admission control, and its paths can be chosen', async () => {
    const begun = defer()
    const host = newHost({
      admission: { inFlight: 1, queue: 0 },
      health: { livez: '/health/live', readyz: '/health/ready' },
    })
    host.mount('/', () => begun.resolve())
    const { port } = await started(host)
    const held = new RawClient(port).send(get('/'))
    await begun.promise
    expect(await ask(port, '/')).toMatch(/^503/)
    expect(await ask(port, '/health/live')).toBe('200 ok\n')
    expect(await ask(port, '/health/ready')).toBe('200 ok\n')
    held.socket.destroy()
  })

  test('a path that an app has, too, is refused', () => {
    const host = newHost({ health: true })
    expect(() => host.mount('/livez', () => {})).toThrow(expect.objectContaining({ code: 'MOUNT_TAKEN' }))
  })
})

describe('start and end', () => {
  test('an admin port that is taken fails the start, as the host’s own does; both can be tried again', async () => {
    const { admin, port } = await operated()
    const other = newHost({ admin: { port: admin } })
    await expect(other.listen({ port: 0 })).rejects.toMatchObject({ code: 'ADDRESS_IN_USE' })
    const third = newHost({ admin: { port: 0 } })
    await expect(third.listen({ port, host: '127.0.0.1' })).rejects.toMatchObject({ code: 'ADDRESS_IN_USE' })
    expect(third.adminAddress()).toBe(null)
    await started(third)
    expect(await ask(third.adminAddress()?.port ?? 0, '/readyz')).toBe('200 ok\n')
  })

  test('a close while it starts leaves nothing', async () => {
    const host = newHost({ admin: { port: 0 } })
    const listening = expect(host.listen({ port: 0 })).rejects.toMatchObject({ code: 'HOST_STATE' })
    await host.close()
    await listening
    await turns()
    expect(host.adminAddress()).toBe(null)
  })

  test('its open connections do not keep the host from closing', async () => {
    const { host, admin } = await operated()
    const idle = new RawClient(admin).send('GET /livez HTTP/1.1\nHost: x\n\n')
    const silent = new RawClient(admin)
    await idle.until(/ok/)
    expect((await host.close()).clean).toBe(true)
    await Promise.all([idle.closed, silent.closed])
  })

  test.each([null, 9090, 'localhost'])('%j is refused at once', admin => {
    expect(() => Reflect.apply(newHost, null, [{ admin }])).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
    )
  })
})

test('a readiness check that never settles is answered, reported once, and asked once at a time', async () => {
  const clock = virtualClock()
  try {
    const errors: SynclessError[] = []
    let asked = 0
    const readiness = () => {
      asked++
      return new Promise<boolean>(() => {})
    }
    const host = newHost({ health: true, readiness, onError: error => void errors.push(error) })
    const { port } = await started(host)
    for (let round = 1; round <= 2; round++) {
      const answers = [exchange(port, get('/readyz')), exchange(port, get('/readyz'))]
      while (clock.pending === 0) await turns()
      await turns()
      await clock.advance(5000)
      for (const answer of await Promise.all(answers)) expect(answer).toMatch(/^HTTP\/1\.1 503 [\s\S]*not ready/)
      expect(asked).toBe(round)
    }
    expect(errors).toMatchObject([{ code: 'HANDLER_FAILED', cause: { code: 'TIMEOUT' } }])
    expect(clock.pending).toBe(0)
  } finally {
    clock.restore()
  }
})
