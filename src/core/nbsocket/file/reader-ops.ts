/** The operations of a reader. No operation takes a byte out of the buffer before it commits. */
import { SynclessError } from '../../base/errors.js'
import { loop } from '../../loop/loop.js'
import { Node, WAITING, type Waiter } from '../../loop/op.js'
import type { Runnable } from '../../loop/running.js'
import type { ReaderInput } from './reader-input.js'
import type { Form } from './reader-text.js'

/**
 * A read that receives into the buffer until the bytes that it wants are there. If it loses, the received bytes stay in
 * the buffer, and the operation of the source is withdrawn.
 */
export abstract class ReadNode<T> extends Node<T> implements Waiter {
  protected readonly input: ReaderInput
  #receiving: Node<Buffer> | null = null

  constructor(input: ReaderInput) {
    super()
    this.input = input
  }

  /** The action, for people: `read a line`. */
  protected abstract readonly what: string

  /** Commits by `give` or `refuse` if the received bytes are enough for that, and returns whether it did. */
  protected abstract settles(): boolean

  /** Called when the buffer is a different one than at the last look. */
  protected forget(): void {}

  describe(): string {
    return `${this.what} of ${this.input.name}`
  }

  poll(): boolean {
    if (this.input.reading !== null) {
      this.fail(this.input.busy(this.describe()))
      return true
    }
    this.forget()
    return this.#settledNow()
  }

  protected link(): void {
    if (this.input.reading !== null) {
      this.fail(this.input.busy(this.describe()))
      return
    }
    this.input.reading = this
    this.#receiveInTurn()
  }

  protected unlink(): void {
    const receiving = this.#receiving
    this.#receiving = null
    this.#done()
    receiving?.withdraw()
  }

  /** The source has given bytes, or has failed. */
  wake(received: Node<unknown>): void {
    this.#receiving = null
    try {
      this.input.accept(received as Node<Buffer>)
    } catch (error) {
      this.refuse(error)
      return
    }
    if (!this.#settledNow()) this.#receiveInTurn()
  }

  /** Bytes were put in before the buffered ones. */
  rescan(): void {
    if (this.state !== WAITING) return
    this.forget()
    const receiving = this.#receiving
    this.#receiving = null
    receiving?.withdraw()
    if (!this.#settledNow()) this.#receiveInTurn()
  }

  override external(): boolean {
    return this.#receiving?.external() ?? true
  }

  override blockers(): Iterable<Runnable> {
    return this.#receiving?.blockers() ?? []
  }

  protected give(value: T): true {
    this.#done()
    this.complete(value)
    return true
  }

  protected refuse(error: unknown): true {
    this.#done()
    this.fail(error)
    return true
  }

  #done(): void {
    if (this.input.reading === this) this.input.reading = null
  }

  /**
   * Looks, and takes the bytes that the source has at once, until it can commit or would have to wait. Each look is a
   * step of the loop, so that a source that always has bytes cannot starve the event loop.
   */
  #settledNow(): boolean {
    try {
      do {
        if (this.settles()) return true
      } while (!loop.spend() && this.input.pull())
      return false
    } catch (error) {
      return this.refuse(error)
    }
  }

  #receiveInTurn(): void {
    if (!loop.spent) this.#receive()
    else {
      loop.afterRest(() => {
        if (this.state !== WAITING || this.input.reading !== this || this.#receiving !== null) return
        // It goes on, whatever the cost: a read through many readers needs more than one budget, and would otherwise
        // start again forever.
        if (!this.#settledNow()) this.#receive()
      })
    }
  }

  #receive(): void {
    const receiving = this.input.receive()
    this.#receiving = receiving
    try {
      receiving.performFor(this)
    } catch (error) {
      this.#receiving = null
      this.refuse(error)
    }
  }
}

/** Waits for `size` bytes or the end. Gives as many whole characters as there are, and at least one. */
export class ReadSome<D> extends ReadNode<D> {
  readonly #form: Form<D>
  readonly #size: number
  /** The number of bytes that have to be there. With fewer than `size` bytes, it takes those that have come. */
  readonly #least: number
  readonly #takes: boolean
  protected readonly what: string

  constructor(input: ReaderInput, form: Form<D>, what: string, size: number, least: number, takes: boolean) {
    super(input)
    this.#form = form
    this.what = what
    this.#size = size
    this.#least = least
    this.#takes = takes
  }

  protected settles(): boolean {
    const { buffer, ended } = this.input
    if (buffer.length < this.#least && !ended) return false
    for (let size = Math.min(this.#size, buffer.length); size <= buffer.length; size++) {
      const whole = ended && size === buffer.length ? size : this.#form.whole(buffer.view(0, size))
      if (whole > 0 || size === 0) return this.give(this.#cut(whole))
    }
    return false
  }

  #cut(size: number): D {
    const { buffer } = this.input
    return this.#takes ? this.#form.take(buffer, size) : this.#form.from(buffer.copy(0, size))
  }
}

/** Waits for `size` bytes or the end, and gives the result of `outcome`. */
export class ReadFixed<T> extends ReadNode<T> {
  readonly #size: number
  readonly #outcome: (input: ReaderInput) => T
  protected readonly what: string

  /** `outcome` may throw. */
  constructor(input: ReaderInput, what: string, size: number, outcome: (input: ReaderInput) => T) {
    super(input)
    this.what = what
    this.#size = size
    this.#outcome = outcome
  }

  protected settles(): boolean {
    if (this.input.buffer.length < this.#size && !this.input.ended) return false
    let value: T
    try {
      value = this.#outcome(this.input)
    } catch (error) {
      return this.refuse(error)
    }
    return this.give(value)
  }
}

/** Reads up to a delimiter, which has to end within the limit. */
export class ReadDelimited<T> extends ReadNode<T> {
  readonly #delimiter: Uint8Array
  readonly #limit: number
  /** `length` is the length of the delimiter; 0 if the stream ended before a delimiter. May throw. */
  readonly #outcome: (size: number, length: number) => T
  /** The position up to which there is no delimiter. */
  #searched = 0
  protected readonly what: string

  constructor(
    input: ReaderInput,
    what: string,
    delimiter: Uint8Array,
    limit: number,
    outcome: (size: number, length: number) => T,
  ) {
    super(input)
    this.what = what
    this.#delimiter = delimiter
    this.#limit = limit
    this.#outcome = outcome
  }

  protected override forget(): void {
    this.#searched = 0
  }

  protected settles(): boolean {
    const { buffer, ended } = this.input
    const { length } = this.#delimiter
    const within = Math.min(buffer.length, this.#limit)
    const at = buffer.indexOf(this.#delimiter, this.#searched, within)
    if (at >= 0) return this.#settle(at + length, length)
    this.#searched = Math.max(0, within - length + 1)
    if (ended && buffer.length <= this.#limit) return this.#settle(buffer.length, 0)
    if (buffer.length <= this.#limit) return false
    return this.refuse(
      new SynclessError(
        'READ_LIMIT',
        `${this.describe()}: raise the limit: no end within ${this.#limit} bytes, which stay unread`,
      ),
    )
  }

  #settle(size: number, length: number): true {
    let value: T
    try {
      value = this.#outcome(size, length)
    } catch (error) {
      return this.refuse(error)
    }
    return this.give(value)
  }
}

/** Reads to the end of the stream. */
export class ReadAll<D> extends ReadNode<D> {
  readonly #form: Form<D>
  readonly #limit: number
  protected readonly what = 'read all'

  constructor(input: ReaderInput, form: Form<D>, limit: number) {
    super(input)
    this.#form = form
    this.#limit = limit
  }

  protected settles(): boolean {
    const { buffer, ended } = this.input
    if (buffer.length > this.#limit) {
      return this.refuse(
        new SynclessError(
          'READ_LIMIT',
          `${this.describe()}: raise the limit: there are more than ${this.#limit} bytes, which stay unread`,
        ),
      )
    }
    return ended && this.give(this.#form.take(buffer, buffer.length))
  }
}
