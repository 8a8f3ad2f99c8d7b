import type { WebSocket } from 'ws'
import { type Pair, tcpPair } from './pairs.js'

const pairs: Pair[] = []

/** A pair over TCP, which is ended after the test. */
export async function connected(): Promise<Pair> {
  const pair = await tcpPair()
  pairs.push(pair)
  return pair
}

afterEach(async () => {
  await Promise.all(pairs.splice(0).map(pair => pair.end()))
})

/** Where nobody listens: a port for which one needs privileges. */
export const nobody = 'ws://127.0.0.1:1'

/** The code and the reason that a WebSocket is closed with. */
export function closeOf(ws: WebSocket): Promise<[number, string]> {
  return new Promise(resolve => ws.once('close', (code, reason) => resolve([code, reason.toString()])))
}

/** The next message. */
export function messageOf(ws: WebSocket): Promise<string | Buffer> {
  return new Promise(resolve =>
    ws.once('message', (data, isBinary) => resolve(isBinary ? (data as Buffer) : data.toString())),
  )
}

/** Waits until `read` gives the same for a while: longer than bytes are on their way. */
export async function plateau(read: () => number): Promise<number> {
  for (let before = -1, value = read(), calm = 0; ; before = value, value = read()) {
    calm = value === before ? calm + 1 : 0
    if (calm === 50) return value
    await new Promise(resolve => setTimeout(resolve, 2))
  }
}
