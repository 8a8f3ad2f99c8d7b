import { Duplex, Readable, Writable } from 'node:stream'
import * as stream from '../../../src/adapters/stream/index.js'
import type { Item, Participant, SinkKind, SourceKind } from '../contract/participant.js'
import { pump } from '../contract/pump.js'

/** What the streams here read ahead, and what they let be written ahead; in objects. */
const highWaterMark = 2

/** The listeners that a bridge has put on a stream. */
function listeners(emitter: NodeJS.EventEmitter): number {
  return emitter.eventNames().reduce((sum, name) => sum + emitter.listenerCount(name), 0)
}

const source: SourceKind = {
  way: 'toChannel',
  ahead: highWaterMark,
  make(feed) {
    const readable = new Readable({
      objectMode: true,
      highWaterMark,
      read() {
        feed.pull(step => {
          if ('value' in step) readable.push(step.value)
          else if ('end' in step) readable.push(null)
          else readable.destroy(step.error)
        })
      },
      destroy(error, callback) {
        feed.stop(error)
        callback(error)
      },
    })
    return {
      open: ({ capacity }) => stream.toChannel<Item>(readable, { capacity }),
      attached: () => listeners(readable),
    }
  },
}

const fromChannel: SinkKind = {
  way: 'fromChannel',
  // One is with the consumer.
  ahead: highWaterMark + 1,
  fails: true,
  make(intake) {
    let readable: Readable | null = null
    let left = false
    return {
      open(receiver) {
        const opened = stream.fromChannel(receiver, { highWaterMark })
        readable = opened
        const read = () => {
          const value: Item | null = opened.read()
          if (value !== null) intake.take(value, () => setImmediate(read))
          else opened.once('readable', read)
        }
        opened.once('readable', read)
        opened.once('end', () => intake.end())
        opened.once('error', error => {
          if (!left) intake.fail(error)
        })
        opened.once('close', () => {
          opened.off('readable', read)
          if (!left) intake.close()
        })
      },
      leave() {
        left = true
        readable?.destroy()
      },
      fail(error) {
        left = true
        readable?.destroy(error)
      },
      attached: () => Number(readable !== null && !readable.closed),
    }
  },
}

const drainTo: SinkKind = {
  way: 'drainTo',
  ahead: highWaterMark,
  fails: true,
  make(intake) {
    let left = false
    const writable = new Writable({
      objectMode: true,
      highWaterMark,
      write: (value: Item, _encoding, done) => intake.take(value, done),
      final(done) {
        if (!left) intake.end()
        done()
      },
      destroy(error, done) {
        if (left) intake.close()
        else if (error !== null) intake.fail(error)
        else intake.close()
        done(error)
      },
    })
    return {
      open: receiver => stream.drainTo(receiver, writable),
      leave() {
        left = true
        writable.destroy()
      },
      fail(error) {
        left = true
        writable.destroy(error)
      },
      attached: () => listeners(writable),
    }
  },
}

const incoming: SourceKind = {
  way: 'connect',
  ahead: highWaterMark,
  make(feed) {
    const duplex = new Duplex({
      objectMode: true,
      highWaterMark,
      read() {
        feed.pull(step => {
          if ('value' in step) duplex.push(step.value)
          else if ('end' in step) duplex.push(null)
          else duplex.destroy(step.error)
        })
      },
      write: (_value, _encoding, done) => done(),
      destroy(error, callback) {
        feed.stop(error)
        callback(error)
      },
    })
    return {
      open({ capacity }) {
        const connection = stream.connect<Item, Item>(duplex, { capacity })
        connection.outgoing.close()
        return connection.incoming
      },
      attached: () => listeners(duplex),
    }
  },
}

const outgoing: SinkKind = {
  way: 'connect',
  // One is on its way between the channels.
  ahead: highWaterMark + 1,
  fails: true,
  make(intake) {
    let left = false
    const duplex = new Duplex({
      objectMode: true,
      highWaterMark,
      read() {},
      write: (value: Item, _encoding, done) => intake.take(value, done),
      final(done) {
        if (!left) intake.end()
        done()
        duplex.push(null)
      },
      destroy(error, done) {
        if (error !== null && !left) intake.fail(error)
        else intake.close()
        done(error)
      },
    })
    const leave = (error?: Error) => {
      left = true
      duplex.destroy(error)
    }
    return {
      open(receiver) {
        const connection = stream.connect<Item, Item>(duplex)
        // Nothing is read, but the end.
        connection.incoming.next().then(null, () => {})
        pump(receiver, connection.outgoing)
      },
      leave,
      fail: leave,
      attached: () => listeners(duplex),
    }
  },
}

export const participant: Participant = {
  name: 'stream',
  port: stream,
  medium: 'memory',
  sources: [source, incoming],
  sinks: [fromChannel, drainTo, outgoing],
}
