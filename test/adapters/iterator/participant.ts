import * as iterator from '../../../src/adapters/iterator/index.js'
import type { Feed, Item, Participant, SinkKind, SourceKind, Step } from '../contract/participant.js'

/** An async iterator whose `return()` ends a `next()` that is pending. */
class Produced implements AsyncIterableIterator<Item, undefined> {
  readonly #feed: Feed
  #left: () => void = () => {}
  over = false

  constructor(feed: Feed) {
    this.#feed = feed
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<Item, undefined>> {
    return new Promise((resolve, reject) => {
      this.#left = () => resolve({ done: true, value: undefined })
      this.#feed.pull(step => {
        if ('value' in step) return resolve({ done: false, value: step.value })
        this.over = true
        if ('end' in step) this.#left()
        else reject(step.error)
      })
    })
  }

  async return(): Promise<IteratorResult<Item, undefined>> {
    this.over = true
    this.#feed.stop()
    this.#left()
    return { done: true, value: undefined }
  }
}

const source: SourceKind = {
  way: 'toChannel',
  ahead: 0,
  make(feed) {
    const produced = new Produced(feed)
    let opened = false
    return {
      open({ capacity }) {
        const receiver = iterator.toChannel(produced, { capacity })
        opened = true
        return receiver
      },
      attached: () => Number(opened && !produced.over),
    }
  },
}

/** The next step, or the reason for which `signal` is aborted. */
function stepOf(feed: Feed, signal: AbortSignal): Promise<Step> {
  return new Promise((resolve, reject) => {
    const aborted = () => reject(signal.reason)
    signal.addEventListener('abort', aborted, { once: true })
    feed.pull(step => {
      signal.removeEventListener('abort', aborted)
      resolve(step)
    })
  })
}

async function* produce(feed: Feed, signal: AbortSignal): AsyncGenerator<Item, void> {
  for (;;) {
    const step = await stepOf(feed, signal)
    if ('error' in step) throw step.error
    if ('end' in step) return
    yield step.value
  }
}

const generator: SourceKind = {
  way: 'toChannel',
  variant: 'an async generator, with a signal',
  ahead: 0,
  anew: true,
  make(feed) {
    let running = 0
    const source = async function* (signal: AbortSignal): AsyncGenerator<Item, void> {
      running++
      signal.addEventListener('abort', () => feed.stop(signal.reason), { once: true })
      try {
        yield* produce(feed, signal)
      } finally {
        running--
      }
    }
    return {
      open({ capacity }) {
        const receiver = iterator.toChannel(source, { capacity })
        // What nobody has received from was never begun.
        receiver.ended.then(() => running || feed.stop())
        return receiver
      },
      attached: () => running,
    }
  },
}

const fromChannel: SinkKind = {
  way: 'fromChannel',
  // One is with the consumer.
  ahead: 1,
  fails: true,
  make(intake) {
    let iteration: iterator.ChannelIterable<Item> | null = null
    let left = false
    let reading = false
    return {
      open(receiver) {
        const opened = iterator.fromChannel(receiver)
        iteration = opened
        reading = true
        const read = async () => {
          try {
            for await (const value of opened) await new Promise<void>(done => intake.take(value, done))
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
        iteration?.return()
      },
      fail(error) {
        left = true
        iteration?.throw(error).catch(() => {})
      },
      attached: () => Number(reading && !left),
    }
  },
}

export const participant: Participant = {
  name: 'iterator',
  port: iterator,
  medium: 'memory',
  sources: [source, generator],
  sinks: [fromChannel],
}
