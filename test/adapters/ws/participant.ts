import type { WebSocket } from 'ws'
import * as ws from '../../../src/adapters/ws/index.js'
import type { Feed, Intake, Item, Participant, Sink, SinkKind, Source, SourceKind } from '../contract/participant.js'
import { pump } from '../contract/pump.js'
import { listeners, type Pair, unixPair } from './pairs.js'

// Numbers are sent as long texts, so that the buffers between the two ends hold few of them.
const LENGTH = 16 * 1024

/** How many of these the socket, the readers of both ends and `bufferedAmount` may hold. */
const ahead = 40

const encode = (value: Item): string | Uint8Array => (typeof value === 'number' ? `${value}`.padEnd(LENGTH) : value)
const decode = (message: string | Buffer): Item => (typeof message === 'string' ? Number(message) : message)

/** Sends what the feed has, each when the one before has been handed to the system. */
function produce(peer: WebSocket, feed: Feed): void {
  const next = () => {
    feed.pull(step => {
      if ('value' in step) peer.send(encode(step.value), error => error == null && next())
      else if ('end' in step) peer.close(1000)
      else peer.close(1011, step.error.message)
    })
  }
  next()
}

function sourceOf({ terminate }: Pair, bridged: WebSocket, peer: WebSocket, feed: Feed, open: Source['open']): Source {
  const before = listeners(bridged)
  peer.once('close', () => feed.stop())
  return {
    open(options) {
      const receiver = open(options)
      produce(peer, feed)
      return receiver
    },
    attached: () => listeners(bridged) - before,
    dispose: terminate,
  }
}

/** Reads one message after the other, and says how the WebSocket ended. */
function consume(peer: WebSocket, intake: Intake): { leave(code: number, reason?: string): void } {
  let busy = 0
  let left = false
  peer.on('message', (data, isBinary) => {
    if (left) return
    busy++
    peer.pause()
    intake.take(decode(isBinary ? (data as Buffer) : data.toString()), () => {
      if (--busy === 0) peer.resume()
    })
  })
  peer.once('close', (code, reason) => {
    if (left) return
    if (code === 1000) intake.end()
    else if (code === 1006) intake.close()
    else intake.fail(new Error(reason.toString()))
  })
  return {
    leave(code, reason) {
      left = true
      peer.resume()
      peer.close(code, reason)
    },
  }
}

function sinkOf(pair: Pair, bridged: WebSocket, peer: WebSocket, intake: Intake, open: Sink['open']): Sink {
  const before = listeners(bridged)
  const { leave } = consume(peer, intake)
  return {
    open,
    leave: () => leave(1000),
    fail: error => leave(1011, error.message),
    attached: () => listeners(bridged) - before,
    dispose: () => {
      // A closing handshake that is under way may end.
      leave(1000)
      return pair.end()
    },
  }
}

const source: SourceKind = {
  way: 'toChannel',
  variant: 'server side',
  ahead,
  async make(feed) {
    const pair = await unixPair()
    const open: Source['open'] = ({ capacity }) => ws.toChannel(pair.server, { capacity, decode })
    return sourceOf(pair, pair.server, pair.client, feed, open)
  },
}

const incoming: SourceKind = {
  way: 'connect',
  variant: 'client side',
  ahead,
  async make(feed) {
    const pair = await unixPair()
    const open: Source['open'] = ({ capacity }) => ws.connect(pair.client, { capacity, decode }).incoming
    return sourceOf(pair, pair.client, pair.server, feed, open)
  },
}

const drainTo: SinkKind = {
  way: 'drainTo',
  variant: 'client side',
  ahead,
  fails: true,
  async make(intake) {
    const pair = await unixPair()
    const open: Sink['open'] = receiver => ws.drainTo(receiver, pair.client, { encode })
    return sinkOf(pair, pair.client, pair.server, intake, open)
  },
}

const outgoing: SinkKind = {
  way: 'connect',
  variant: 'server side',
  ahead,
  fails: true,
  async make(intake) {
    const pair = await unixPair()
    const open: Sink['open'] = receiver => pump(receiver, ws.connect(pair.server, { encode }).outgoing)
    return sinkOf(pair, pair.server, pair.client, intake, open)
  },
}

export const participant: Participant = {
  name: 'ws',
  port: ws,
  medium: 'transport',
  sources: [source, incoming],
  sinks: [drainTo, outgoing],
}
