import * as web from '../../../src/adapters/web/index.js'
import type { Feed, Intake, Item, Participant, SinkKind, SourceKind } from '../contract/participant.js'
import { pump } from '../contract/pump.js'

/** What the streams here read ahead, and what they let be written ahead; in chunks. */
const highWaterMark = 2

function readableOf(feed: Feed): ReadableStream<Item> {
  return new ReadableStream<Item>(
    {
      pull: controller =>
        new Promise<void>(resolve => {
          feed.pull(step => {
            if ('value' in step) controller.enqueue(step.value)
            else if ('end' in step) controller.close()
            else controller.error(step.error)
            resolve()
          })
        }),
      cancel: reason => feed.stop(reason),
    },
    { highWaterMark },
  )
}

/** A consumer, as the sink of a WritableStream. */
function writableOf(intake: Intake) {
  let left = false
  let fail: (error?: unknown) => void = () => {}
  const writable = new WritableStream<Item>(
    {
      start(controller) {
        fail = error => controller.error(error)
      },
      write: value => new Promise<void>(done => intake.take(value, done)),
      close() {
        if (!left) intake.end()
      },
      abort(reason) {
        if (!left) intake.fail(reason)
      },
    },
    { highWaterMark },
  )
  const leave = (error?: unknown) => {
    left = true
    fail(error)
  }
  return { writable, leave }
}

const source: SourceKind = {
  way: 'toChannel',
  ahead: highWaterMark,
  make(feed) {
    const readable = readableOf(feed)
    return {
      open: ({ capacity }) => web.toChannel<Item>(readable, { capacity }),
      attached: () => Number(readable.locked),
    }
  },
}

const incoming: SourceKind = {
  way: 'connect',
  ahead: highWaterMark,
  make(feed) {
    const readable = readableOf(feed)
    const writable = new WritableStream<Item>()
    return {
      open({ capacity }) {
        const connection = web.connect({ readable, writable }, { capacity })
        connection.outgoing.close()
        return connection.incoming
      },
      attached: () => Number(readable.locked) + Number(writable.locked),
    }
  },
}

const fromChannel: SinkKind = {
  way: 'fromChannel',
  // One is with the consumer.
  ahead: highWaterMark + 1,
  fails: true,
  make(intake) {
    let reader: ReadableStreamDefaultReader<Item> | null = null
    let left = false
    let reading = false
    return {
      open(receiver) {
        const opened = web.fromChannel(receiver, { strategy: { highWaterMark } }).getReader()
        reader = opened
        reading = true
        const read = async () => {
          try {
            for (;;) {
              const step = await opened.read()
              if (step.done) break
              await new Promise<void>(done => intake.take(step.value, done))
            }
            if (!left) intake.end()
          } catch (error) {
            if (!left) intake.fail(error)
          } finally {
            reading = false
          }
        }
        read()
      },
      leave() {
        left = true
        reader?.cancel()
      },
      fail(error) {
        left = true
        reader?.cancel(error)
      },
      attached: () => Number(reading && !left),
    }
  },
}

const drainTo: SinkKind = {
  way: 'drainTo',
  ahead: highWaterMark,
  fails: true,
  make(intake) {
    const { writable, leave } = writableOf(intake)
    return {
      open: receiver => web.drainTo(receiver, writable),
      leave,
      fail: leave,
      attached: () => Number(writable.locked),
    }
  },
}

const outgoing: SinkKind = {
  way: 'connect',
  // One is on its way between the channels.
  ahead: highWaterMark + 1,
  fails: true,
  make(intake) {
    const { writable, leave } = writableOf(intake)
    return {
      open(receiver) {
        const connection = web.connect({ readable: new ReadableStream<Item>(), writable })
        connection.incoming.cancel()
        pump(receiver, connection.outgoing)
      },
      leave,
      fail: leave,
      attached: () => Number(writable.locked),
    }
  },
}

export const participant: Participant = {
  name: 'web',
  port: web,
  medium: 'memory',
  sources: [source, incoming],
  sinks: [fromChannel, drainTo, outgoing],
}
