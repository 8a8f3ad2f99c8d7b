/** Drives every part of the showcase once, over real connections, and says what failed. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { connect, type Socket as TcpSocket } from 'node:net'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { io, type Socket } from 'socket.io-client'
import { timeout, until } from 'syncless'
import type { Aggregate, ServerEvents, State, Verdict } from './model.js'
import { createShowcase, type Showcase } from './showcase.js'

type Page = Socket<ServerEvents, Record<string, never>>

/** How long one step may take, in ms. */
const PATIENCE = 10_000

/** Runs every step; resolves with whether all passed. */
export async function check(): Promise<boolean> {
  const showcase = await createShowcase()
  const { port } = await showcase.host.listen({ port: 0, host: '127.0.0.1' })
  const run = { url: `http://127.0.0.1:${port}`, port, showcase }
  let failures = 0
  for (const [what, step] of Object.entries(steps)) {
    try {
      await timeout(PATIENCE, until(step(run)))
      console.log(`ok      ${what}`)
    } catch (error) {
      failures++
      console.error(`FAILED  ${what}:`, error)
    }
  }
  const report = await showcase.host.close({ deadline: 2000 })
  await showcase.dispose()
  if (!report.clean) console.error('FAILED  the host closed with something left:', report)
  return failures === 0 && report.clean
}

interface Run {
  readonly url: string
  readonly port: number
  readonly showcase: Showcase
}

const steps: Record<string, (run: Run) => Promise<void>> = {
  async 'Express serves the page'({ url }) {
    const response = await fetch(url)
    assert.equal(response.status, 200)
    assert.match(await response.text(), /syncless/)
  },

  async 'an order goes from Express to the tasklet and back'({ url }) {
    const { status, verdict } = await order(url, { product: 'tea', quantity: 2, price: 350 })
    assert.equal(status, 202)
    assert(verdict.ok && verdict.order.product === 'tea')
  },

  async 'the tasklet refuses a bad order'({ url }) {
    const { status, verdict } = await order(url, { product: 'tea', quantity: 0, price: 350 })
    assert.equal(status, 422)
    assert(!verdict.ok && verdict.problem.startsWith('quantity'))
  },

  async 'Fastify streams accepted orders as NDJSON'({ url }) {
    const leave = new AbortController()
    const response = await fetch(`${url}/api/feed`, { signal: leave.signal })
    assert.equal(response.headers.get('content-type'), 'application/x-ndjson')
    assert(response.body !== null)
    const lines = createInterface({ input: Readable.fromWeb(response.body) })[Symbol.asyncIterator]()
    const { verdict } = await order(url, { product: 'coffee', quantity: 1, price: 420 })
    const line = await lines.next()
    assert(verdict.ok && !line.done)
    assert.deepEqual(JSON.parse(line.value), verdict.order)
    leave.abort()
  },

  async 'an aggregate reaches the page through RxJS and Socket.IO'({ url }) {
    const page = openPage(url)
    const counted = new Promise<void>(resolve => {
      page.on('aggregate', (aggregate: Aggregate) => {
        if ((aggregate.quantities.cocoa ?? 0) === 3) resolve()
      })
    })
    await firstState(page)
    await order(url, { product: 'cocoa', quantity: 3, price: 300 })
    await counted
    assert.equal(page.io.engine.transport.name, 'websocket')
    page.disconnect()
  },

  async 'closing a tab ends its tasklets'({ url }) {
    const leaver = openPage(url)
    const witness = openPage(url)
    const { tab } = await firstState(leaver)
    const before = await firstState(witness)
    assert.equal(before.tasklets.filter(({ owner }) => owner === tab).length, 2)
    const noticed = new Promise<string>(resolve => {
      witness.on('notice', notice => {
        if (notice.startsWith(`${tab} left`)) resolve(notice)
      })
    })
    leaver.disconnect()
    assert.equal(await noticed, `${tab} left: 2 tasklets ended`)
    const after = await firstState(witness)
    assert.equal(after.tasklets.filter(({ owner }) => owner === tab).length, 0)
    witness.disconnect()
  },

  async 'a large file is streamed through a channel'({ url }) {
    const response = await fetch(`${url}/file`)
    const hash = createHash('sha256')
    assert(response.body !== null)
    for await (const chunk of response.body) hash.update(chunk)
    assert.equal(hash.digest('hex'), response.headers.get('x-sha256'))
  },

  async 'a client that leaves half-way ends the tasklets of its request'({ url, showcase }) {
    const leave = new AbortController()
    const response = await fetch(`${url}/file`, { signal: leave.signal })
    await response.body?.getReader().read()
    const working = () => showcase.registry.snapshot().some(({ owner }) => owner === 'GET /file')
    assert(working())
    leave.abort()
    while (working()) await new Promise(resolve => setImmediate(resolve))
  },

  async 'a malformed request is answered with 400, and the server goes on'({ url, port }) {
    const socket: TcpSocket = connect(port, '127.0.0.1')
    socket.end('this is not HTTP\r\n\r\n')
    assert.match(await text(socket), /^HTTP\/1\.1 400 /)
    assert.equal((await fetch(url)).status, 200)
  },
}

async function order(url: string, body: object): Promise<{ status: number; verdict: Verdict }> {
  const response = await fetch(`${url}/orders`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  })
  return { status: response.status, verdict: (await response.json()) as Verdict }
}

function openPage(url: string): Page {
  return io(url, { transports: ['websocket'], forceNew: true })
}

function firstState(page: Page): Promise<State> {
  return new Promise(resolve => page.once('state', resolve))
}
