/** As many idle connections as the system lets a process have: the host serves on, and gives everything back. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Host } from '../../src/host/index.js'
import { sized } from '../sized.js'
import { closeHosts, exchange, get, newHost, started, turns } from './support.js'

const WANTED = sized(1000, 10_000)
/** Of the process's descriptors, those that it needs for itself. */
const SPARE = 300
const limit = Number(execFileSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8' })) || WANTED + SPARE
const count = Math.min(WANTED, limit - SPARE)

const clients: ChildProcess[] = []
afterEach(() => {
  for (const client of clients.splice(0)) client.kill('SIGKILL')
})
afterEach(closeHosts)

/** Another process, as this one's descriptors are for the host. It says how many connections stand, and how many are gone. */
async function idlers(port: number, send: string): Promise<{ gone: Promise<void> }> {
  const program = `
    const { connect } = require('node:net')
    let open = 0, gone = 0, begun = 0
    const next = () => {
      if (begun === ${count}) return
      begun++
      connect(${port}, '127.0.0.1', function () {
        ${send === '' ? '' : `this.write(${JSON.stringify(send)})`}
        if (++open === ${count}) process.stdout.write('open\\n')
        next()
      }).on('error', () => {}).on('close', () => { if (++gone === ${count}) process.stdout.write('gone\\n') }).resume()
    }
    for (let i = 0; i < 100; i++) next()`
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] })
  clients.push(child)
  let text = ''
  let wake = () => {}
  child.stdout.setEncoding('utf8').on('data', chunk => {
    text += chunk
    wake()
  })
  const said = async (word: string) => {
    while (!text.includes(word)) await new Promise<void>(resolve => (wake = resolve))
  }
  await said('open')
  return { gone: said('gone') }
}

const connectionsOf = (host: Host) =>
  (host as unknown as { traffic: { connections: Set<unknown> } }).traffic.connections.size

test.each([
  ['that have said nothing', ''],
  ['in the middle of their headers', 'GET / HTTP/1.1\r\nHost: x\r\n'],
  ['kept alive after a request', 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'],
])(
  `${count} connections %s`,
  async (_what, send) => {
    const host = newHost({ http: { keepAliveTimeout: 60_000 } })
    let served = 0
    host.mount('/', (_req: IncomingMessage, res: ServerResponse) => {
      served++
      res.end('fine')
    })
    const { port } = await started(host)
    const { gone } = await idlers(port, send)
    while (connectionsOf(host) < count || (send.endsWith('\r\n\r\n') && served < count)) await turns()
    for (let i = 0; i < 20; i++) expect(await exchange(port, get('/'))).toContain('fine')
    expect((await host.inject('/')).text()).toBe('fine')
    const report = await host.close({ deadline: 30_000 })
    expect(report).toMatchObject({ clean: true, connections: 0 })
    expect(connectionsOf(host)).toBe(0)
    await gone
  },
  60_000,
)
