import { MessageChannel, type MessagePort } from 'node:worker_threads'
import * as worker from '../../../src/adapters/worker/index.js'
import { channel } from '../../../src/core/index.js'
import type { Feed, Intake, Item, Participant, Sink, SinkKind, Source, SourceKind } from '../contract/participant.js'
import { pump } from '../contract/pump.js'

/** The listeners that the bridges have put on a port. */
export function listeners(port: MessagePort): number {
  return ['message', 'messageerror', 'close'].reduce((sum, name) => sum + port.listenerCount(name), 0)
}

/** Sends what `feed` has to `port`. */
export function produce(feed: Feed, port: worker.Port, topic = ''): void {
  const values = channel<Item>()
  values.ended.then(end => {
    if (end.by === 'cancel') feed.stop(end.reason)
  })
  const pull = () =>
    feed.pull(step => {
      if ('value' in step) values.send(step.value).then(pull, () => {})
      else if ('end' in step) values.close()
      else values.close(step.error)
    })
  pull()
  // At once: a receiver that leaves before this side is there has nobody to tell. What it fails with, the test learns at the
  // other side.
  worker.drainTo(values, port, { topic }).then(null, () => {})
}

/** Gives what comes over `port` to `intake`; returns what ends this. */
export function consume(intake: Intake, port: worker.Port, topic = ''): (reason?: Error) => void {
  const values = worker.toChannel<Item>(port, { topic, capacity: 1 })
  let left = false
  const take = async () => {
    try {
      for await (const value of values) await new Promise<void>(done => intake.take(value, done))
      if (!left) intake.end()
    } catch (error) {
      if (!left) intake.fail(error)
    }
  }
  take()
  return reason => {
    left = true
    values.cancel(reason)
  }
}

function source(
  feed: Feed,
  way: SourceKind['way'],
  open: (port: MessagePort, capacity: number) => ReturnType<Source['open']>,
): Source {
  const { port1, port2 } = new MessageChannel()
  produce(feed, port2)
  return {
    open({ capacity }) {
      const receiver = open(port1, capacity)
      // What the bridge could send is not wanted.
      if (way === 'connect') worker.toChannel(port2).cancel()
      return receiver
    },
    attached: () => listeners(port1),
    dispose: () => port1.close(),
  }
}

function sink(
  intake: Intake,
  open: (port: MessagePort, ...args: Parameters<Sink['open']>) => ReturnType<Sink['open']>,
): Sink {
  const { port1, port2 } = new MessageChannel()
  const leave = consume(intake, port2)
  return {
    open: receiver => open(port1, receiver),
    leave: () => leave(),
    fail: error => leave(error),
    attached: () => listeners(port1),
    async dispose() {
      leave()
      // What ends the bridge may be under way still.
      for (let i = 0; i < 100 && listeners(port1) > 0; i++) await new Promise(setImmediate)
      port1.close()
    },
  }
}

const toChannel: SourceKind = {
  way: 'toChannel',
  // The one that is offered to the bridge at the other side.
  ahead: 1,
  make: feed => source(feed, 'toChannel', (port, capacity) => worker.toChannel(port, { capacity })),
}

const incoming: SourceKind = {
  way: 'connect',
  ahead: 1,
  make: feed => source(feed, 'connect', (port, capacity) => worker.connect<Item, never>(port, { capacity }).incoming),
}

const drainTo: SinkKind = {
  way: 'drainTo',
  // One is with the consumer, one in the buffer over there, one on its way there.
  ahead: 3,
  fails: true,
  make: intake => sink(intake, (port, receiver) => worker.drainTo(receiver, port)),
}

const outgoing: SinkKind = {
  way: 'connect',
  // And one on its way between the channels.
  ahead: 4,
  fails: true,
  make: intake =>
    sink(intake, (port, receiver) => {
      const connection = worker.connect<never, Item>(port, { capacity: 0 })
      connection.incoming.cancel()
      pump(receiver, connection.outgoing)
    }),
}

export const participant: Participant = {
  name: 'worker',
  port: worker,
  medium: 'transport',
  sources: [toChannel, incoming],
  sinks: [drainTo, outgoing],
}
