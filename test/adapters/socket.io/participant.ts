import * as sio from '../../../src/adapters/socket.io/index.js'
import type { Feed, Intake, Item, Participant, Sink, SinkKind, Source, SourceKind } from '../contract/participant.js'
import { end, type Pair, pair } from './pairs.js'

// A socket carries many events: the bridges of a test share one, each with names of its own, for as long as one uses it.
let shared: Promise<Pair> | null = null
let users = 0
let names = 0

/** The listeners that the bridges of a socket have in common. */
const common = ['disconnect', 'connect_error', 'connect', 'drain', 'reconnect_failed', 'close']

/** How many of these there were before. */
const before = new WeakMap<End, number>()

function enter(): Promise<Pair> {
  users++
  shared ??= pair()
  return shared
}

async function leave(): Promise<void> {
  if (--users > 0) return
  const last = await shared
  shared = null
  if (last !== null) await end(last)
}

/** What the bridges and their peers use of either end. */
interface End {
  on(event: string, listener: (...args: never[]) => void): unknown
  off(event: string, listener: (...args: never[]) => void): unknown
  emit(event: string, ...args: unknown[]): unknown
  listeners(event: string): unknown[]
}

/** The names of the events of one bridge, its peer, and how many listeners it has. */
class Line {
  readonly value = `value ${++names}`
  readonly end = `end ${names}`
  readonly error = `error ${names}`
  readonly leave = `leave ${names}`
  readonly bridged: End
  readonly peer: End
  readonly #manager: End

  constructor({ client, server }: Pair, side: 'server' | 'client') {
    this.bridged = (side === 'server' ? server : client) as End
    this.peer = (side === 'server' ? client : server) as End
    this.#manager = (side === 'server' ? server.conn : client.io) as End
    if (!before.has(this.bridged)) before.set(this.bridged, this.#count(common))
  }

  attached(): number {
    const { value, end, error, leave, bridged } = this
    return this.#count([value, end, error, leave, ...common]) - (before.get(bridged) ?? 0)
  }

  #count(names: readonly string[]): number {
    const at = (emitter: End) => names.reduce((sum, name) => sum + emitter.listeners(name).length, 0)
    return at(this.bridged) + at(this.#manager)
  }
}

/** How many events the producer has on their way, more than a channel here holds: it does not wait for a receiver. */
const WINDOW = 64

/** Emits what the feed has, and counts the acknowledgements. */
function produce({ peer, value, end, error }: Line, feed: Feed): void {
  let outstanding = 0
  let asking = false
  const next = () => {
    if (asking || outstanding >= WINDOW) return
    asking = true
    feed.pull(step => {
      asking = false
      if ('value' in step) {
        outstanding++
        peer.emit(value, step.value, (dropped?: 'dropped') => {
          outstanding--
          if (dropped === undefined) feed.taken()
          next()
        })
        next()
      } else if ('end' in step) peer.emit(end)
      else peer.emit(error, step.error.message)
    })
  }
  next()
}

function source(side: 'server' | 'client', ack: true | 'buffered' = true): SourceKind {
  return {
    way: 'toChannel',
    variant: `${side} side`,
    ahead: 0,
    async make(feed): Promise<Source> {
      const line = new Line(await enter(), side)
      const { value, end, error, leave: left, bridged, peer } = line
      const stopped = () => feed.stop()
      peer.on(left, stopped)
      let producing = false
      return {
        open({ capacity, overflow }) {
          const options = { capacity, overflow: overflow as 'latest', ack, end, error, leave: left }
          const receiver = sio.toChannel<Item>(bridged as never, value, options)
          if (!producing) produce(line, feed)
          producing = true
          return receiver
        },
        attached: () => line.attached(),
        dispose() {
          peer.off(left, stopped)
          return leave()
        },
      }
    },
  }
}

function sink(side: 'server' | 'client'): SinkKind {
  return {
    way: 'drainTo',
    variant: `${side} side`,
    ahead: 1,
    fails: false,
    async make(intake: Intake): Promise<Sink> {
      const line = new Line(await enter(), side)
      const { value, end, error, leave: until, bridged, peer } = line
      let left = false
      const listeners = {
        [value]: (item: Item, done: () => void) => intake.take(item, done),
        [end]: () => left || intake.end(),
        [error]: (message: string) => left || intake.fail(new Error(message)),
      }
      for (const [name, listener] of Object.entries(listeners)) peer.on(name, listener)
      return {
        open: receiver =>
          sio.drainTo(receiver, bridged as never, value, { ack: { timeout: 60_000 }, end, error, until }),
        leave() {
          left = true
          peer.emit(until)
        },
        attached: () => line.attached(),
        dispose() {
          for (const [name, listener] of Object.entries(listeners)) peer.off(name, listener)
          return leave()
        },
      }
    },
  }
}

/** One that acknowledges what it has buffered, and says that it was taken. */
export const hasty: SourceKind = source('server', 'buffered')

export const participant: Participant = {
  name: 'socket.io',
  port: sio,
  medium: 'transport',
  sources: [source('server'), source('client')],
  sinks: [sink('server'), sink('client')],
}
