/** What `memory.ts` runs: one bridge, its producer and its consumer, and a look at the memory of this process. */
import { pathToFileURL } from 'node:url'
import { channel, go, type Receiver } from '../../../src/core/index.js'
import type { Measured } from './memory.js'
import type { Feed, Intake, Item, Participant, Sink, SinkKind, Source, SourceKind, Step } from './participant.js'

const CHUNK = 64 * 1024
/** How many chunks lie between two collections of garbage: 16 MB. */
const GARBAGE = 256
/** A slow consumer takes so many in a turn of the event loop, a fast producer makes so many. */
const SLOW = 8
const BURST = 16

declare const gc: () => void

const [, , file, side, index, megabytes, room] = process.argv
const capacity = Number(room)
const chunks = Math.round((Number(megabytes) * 1024 * 1024) / CHUNK)
const { participant }: { participant: Participant } = await import(pathToFileURL(String(file)).href)

const turn = () => new Promise<void>(resolve => setImmediate(resolve))

/** Watches the memory while chunks are made. */
class Meter {
  made = 0
  #start = 0
  #peak = 0

  begin(): void {
    gc()
    this.#start = process.memoryUsage.rss()
  }

  /** A chunk that nobody has had before; its pages are written, so that they count. */
  chunk(): Buffer {
    if (++this.made % GARBAGE === 0) gc()
    if (this.made % BURST === 0) this.look()
    return Buffer.alloc(CHUNK, this.made & 255)
  }

  look(): void {
    this.#peak = Math.max(this.#peak, process.memoryUsage.rss())
  }

  get growth(): number {
    this.look()
    return Math.round((this.#peak - this.#start) / 1024 / 1024)
  }
}

const meter = new Meter()

/** Waits until the producer makes nothing more, or has made half of it. */
async function stalled(): Promise<number> {
  let before = -1
  while (meter.made !== before && meter.made < chunks / 2) {
    before = meter.made
    for (let i = 0; i < 50 && meter.made < chunks / 2; i++) await turn()
  }
  return meter.made
}

class Producer implements Feed {
  #stopped = false

  flow(sink: (step: Step) => void): void {
    const burst = () => {
      for (let i = 0; i < BURST && meter.made < chunks; i++) sink({ value: meter.chunk() })
      if (this.#stopped) return
      if (meter.made < chunks) setImmediate(burst)
      else sink({ end: true })
    }
    burst()
  }

  pull(sink: (step: Step) => void): void {
    sink(meter.made < chunks ? { value: meter.chunk() } : { end: true })
  }

  stop(): void {
    this.#stopped = true
  }

  taken(): void {}
}

async function incoming(kind: SourceKind): Promise<Measured> {
  const source: Source = await kind.make(new Producer())
  meter.begin()
  const { pausable } = participant.port.capabilities
  const receiver: Receiver<Item> = source.open(pausable ? { capacity } : { capacity, overflow: 'drop-oldest' })
  let received = 0
  // A producer that asks is asked first by a receiver.
  if (!(await receiver.next()).done) received++
  const stalledAt = await stalled()
  for (;;) {
    const step = await receiver.next()
    if (step.done) break
    // Where the medium has no end, the last value has to do.
    if (++received + receiver.statistics().dropped === chunks) break
    if (received % SLOW === 0) await turn()
  }
  receiver.cancel()
  const { dropped } = receiver.statistics()
  await source.dispose?.()
  return { chunks, received, dropped, stalled: stalledAt, growth: meter.growth }
}

class Consumer implements Intake {
  received = 0
  #free = false
  #waiting: (() => void) | null = null
  #over: () => void = () => {}
  readonly over = new Promise<void>(resolve => {
    this.#over = resolve
  })

  take(_value: Item, done: () => void = () => {}): void {
    this.received++
    if (this.received === chunks) setImmediate(this.#over)
    if (!this.#free) this.#waiting = done
    else if (this.received % SLOW === 0) setImmediate(done)
    else done()
  }

  flow(): void {
    this.#free = true
    this.#waiting?.()
  }

  end(): void {}
  fail(error: unknown): void {
    throw error
  }
  close(): void {}
}

async function outgoing(kind: SinkKind): Promise<Measured> {
  const consumer = new Consumer()
  const sink: Sink = await kind.make(consumer)
  meter.begin()
  const ch = channel<Item>(capacity)
  go(function* () {
    while (meter.made < chunks) yield* ch.send(meter.chunk())
    ch.close()
  })
  sink.open(ch)
  const stalledAt = await stalled()
  consumer.flow()
  await consumer.over
  await sink.dispose?.()
  return {
    chunks,
    received: consumer.received,
    dropped: ch.statistics().dropped,
    stalled: stalledAt,
    growth: meter.growth,
  }
}

const { sources, sinks } = participant
const at = Number(index)
const measured = side === 'sources' ? incoming(sources[at] as SourceKind) : outgoing(sinks[at] as SinkKind)
process.stdout.write(JSON.stringify(await measured))
