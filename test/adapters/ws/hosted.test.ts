/** WebSockets of servers on a host: those of ws, and those that @fastify/websocket hands out. */
import websocket from '@fastify/websocket'
import fastify from 'fastify'
import { WebSocket, WebSocketServer } from 'ws'
import * as ws from '../../../src/adapters/ws/index.js'
import { go } from '../../../src/core/index.js'
import { createHost, type Host } from '../../../src/host/index.js'
import { closeOf } from './support.js'

/** Sends back the negative of what comes; what is no number fails it. */
function negate(socket: WebSocket): void {
  const { incoming, outgoing } = ws.connect<number, number>(socket, { decode: Number, encode: String })
  go(function* () {
    try {
      yield* incoming.each(function* (n) {
        if (Number.isNaN(n)) throw new Error('no number')
        yield* outgoing.send(-n)
      })
      outgoing.close()
    } catch {
      // The error has closed it, being the reason of the cancel.
    }
  })
}

const kinds: Record<string, (host: Host) => void> = {
  ws(host) {
    new WebSocketServer({ server: host.server('/live') }).on('connection', negate)
  },
  '@fastify/websocket'(host) {
    const app = fastify({ serverFactory: host.serverFactory('/live') })
    app.register(websocket)
    app.register(async app => {
      app.get('/live', { websocket: true }, negate)
    })
  },
}

test.each(Object.keys(kinds))('on a host, %s: values both ways, the end, and the close codes', async kind => {
  const host = createHost()
  kinds[kind]?.(host)
  const { port } = await host.listen({ port: 0, host: '127.0.0.1' })
  const open = () => new WebSocket(`ws://127.0.0.1:${port}/live`)
  const seen: string[] = []

  const first = ws.connect<string, string>(open(), { capacity: 4 })
  for (const n of ['1', '2', '3']) {
    await first.outgoing.send(n)
    seen.push(await first.incoming.receive())
  }
  first.outgoing.close()
  expect([seen, await first.incoming.next()]).toEqual([['-1', '-2', '-3'], { done: true, value: undefined }])

  const second = open()
  const failed = closeOf(second)
  await ws.connect<string, string>(second).outgoing.send('no number')
  expect(await failed).toEqual([1011, 'no number'])

  const third = open()
  const told = closeOf(third)
  const { incoming, outgoing } = ws.connect<string, string>(third)
  await outgoing.send('4')
  expect(await incoming.receive()).toBe('-4')
  // Whoever says goodbye says it with a code that is an end: going away, or none.
  const [{ clean }, [code]] = await Promise.all([host.close({ deadline: 60_000 }), told])
  expect(clean).toBe(true)
  expect([1001, 1005]).toContain(code)
  expect(await incoming.next()).toEqual({ done: true, value: undefined })
})
