import { Readable, Writable } from 'node:stream'

/** The events that something listens to on a stream, with how many do; without a Transform's own. */
export function listeners(emitter: NodeJS.EventEmitter): Record<string, number> {
  const counts = emitter.eventNames().map(name => [String(name), emitter.listenerCount(name)] as const)
  return Object.fromEntries(counts.filter(([name, count]) => count > 0 && name !== 'prefinish'))
}

/** A readable of 0, 1, 2, ... that counts what was asked of it and how often it was destroyed. */
export class Source extends Readable {
  made = 0
  destroyed_: (Error | null)[] = []
  readonly #count: number

  constructor(highWaterMark: number, count = Number.POSITIVE_INFINITY) {
    super({ objectMode: true, highWaterMark })
    this.#count = count
  }

  override _read(): void {
    this.push(this.made < this.#count ? this.made++ : null)
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.destroyed_.push(error)
    callback(error)
  }
}

/** A writable that keeps what it is given and finishes a write only when told. */
export class SlowSink extends Writable {
  readonly written: unknown[] = []
  #finish: (() => void) | null = null
  #free = false

  constructor(highWaterMark: number, objectMode = true) {
    super({ objectMode, highWaterMark })
  }

  override _write(chunk: unknown, _encoding: string, callback: () => void): void {
    this.written.push(chunk)
    if (this.#free) callback()
    else this.#finish = callback
  }

  /** Finishes the write under way. */
  step(): void {
    const finish = this.#finish
    this.#finish = null
    finish?.()
  }

  /** Finishes every write from now on at once. */
  flow(): void {
    this.#free = true
    this.step()
  }
}
