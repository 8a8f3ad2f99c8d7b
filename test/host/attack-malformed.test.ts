/** Whatever is sent, a host answers as Node's bare server does, its app sees the same, and nothing stays. */
import type { Server } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Host } from '../../src/host/index.js'
import { corpus } from './attack/corpus.js'
import { bareServer, converse, type Manner, manners, mutant, witness } from './attack/wire.js'
import { newHost, started, turns } from './support.js'

const bareSeen: string[] = []
const hostSeen: string[] = []
let bare: { server: Server; port: number }
let host: Host
let port: number

beforeAll(async () => {
  bare = await bareServer(witness(bareSeen))
  host = newHost({ onError: () => {} }).mount('/', witness(hostSeen))
  port = (await started(host)).port
})

afterAll(async () => {
  await turns()
  expect((host as unknown as { traffic: { connections: Set<unknown> } }).traffic.connections.size).toBe(0)
  expect(await host.close({ deadline: 600_000 })).toMatchObject({ clean: true })
  bare.server.close()
})

/**
 * A server that destroys its side with bytes unread resets the connection, and what it has answered may be lost on the way,
 * Node's bare one's as well. So a conversation in which one answer is a part of the other is had again.
 */
async function compare(bytes: string, manner: Manner, tries = 5): Promise<void> {
  const [mine, nodes] = await Promise.all([converse(port, bytes, manner), converse(bare.port, bytes, manner)])
  await turns()
  const [mySeen, nodesSeen] = [hostSeen.splice(0), bareSeen.splice(0)]
  const lost = mine !== nodes && (mine.startsWith(nodes) || nodes.startsWith(mine))
  if (lost && tries > 1) {
    await compare(bytes, manner, tries - 1)
    return
  }
  expect(mine).toBe(nodes)
  expect(mySeen).toEqual(nodesSeen)
}

describe.each(Object.keys(corpus))('%s', theme => {
  test.each(Object.entries(corpus[theme] ?? {}))('%s', async (_name, bytes) => {
    for (const manner of manners) await compare(bytes, manner)
  })
})

test('a thousand requests with a few bytes changed', async () => {
  const seeds = Object.values(corpus)
    .flatMap(theme => Object.values(theme))
    .filter(bytes => bytes.length < 400)
  for (let seed = 0; seed < 1_000; seed++) {
    const bytes = mutant(seeds[seed % seeds.length] ?? '', seed)
    if (bytes !== null) await compare(bytes, seed % 2 === 0 ? 'at once' : 'with a request behind')
  }
}, 60_000)

test('by memory the answers are the same', async () => {
  for (const bytes of Object.values(corpus).flatMap(theme => Object.values(theme))) {
    const socket = host.agent.createConnection({}) as Duplex
    let text = ''
    socket.setEncoding('latin1').on('data', chunk => {
      text += chunk
    })
    const closed = new Promise(resolve => socket.once('close', resolve))
    socket.on('error', () => {}).end(Buffer.from(bytes, 'latin1'))
    await closed
    expect(text.replaceAll(/^Date: .*$/gm, 'Date: -')).toBe(await converse(bare.port, bytes, 'at once'))
  }
  hostSeen.length = 0
  bareSeen.length = 0
})
