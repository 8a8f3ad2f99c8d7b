/** The operations of a writer. An operation hands on its bytes in the step in which the sink takes them. */

import { afterWithdrawal } from '../../base/withdrawal.js'
import { Node, type Op, type Waiter } from '../../loop/op.js'
import type { Runnable } from '../../loop/running.js'
import type { ByteSink } from '../bytes/byte-stream.js'

/** The output of a writer, as its operations see it. */
interface Output {
  readonly sink: ByteSink
  readonly name: string
  readonly buffered: number
  /** Whether other operations come first. */
  readonly busy: boolean
  /** Whether all written bytes can still be sent. */
  readonly whole: boolean
  enter(node: OutputNode): void
  leave(node: OutputNode): void
  startNext(): void
  assertWritable(what: string): void
  assertWhole(): void
  holds(bytes: Uint8Array): boolean
  hold(bytes: Uint8Array): void
  send(bytes?: Uint8Array): Op<void>
  sent(): void
  shutdown(): Op<void>
  failed(error: unknown, received: boolean): void
}

/** Performs operations of the sink, one after the other. The operations of one writer go in their order. */
export abstract class OutputNode extends Node<void> implements Waiter {
  protected readonly output: Output
  #queued = false
  #started = false
  #inner: Node<void> | null = null

  constructor(output: Output) {
    super()
    this.output = output
  }

  protected abstract readonly what: string

  /** Begins, perhaps again. Throws if the operation may not begin. */
  protected abstract begin(): void

  /** Returns the next operation of the sink, or null if all is done. */
  protected abstract step(): Op<void> | null

  /** Called when the operation that `step` returned has committed. */
  protected abstract stepped(): void

  /** Whether somebody is told if the operation fails. */
  protected get told(): boolean {
    return true
  }

  describe(): string {
    return `${this.what} ${this.output.name}`
  }

  poll(): boolean {
    return !this.output.busy && this.#begun()
  }

  protected link(): void {
    this.#inner = null
    this.#started = false
    this.#queued = true
    this.output.enter(this)
  }

  protected unlink(): void {
    const inner = this.#inner
    this.#inner = null
    inner?.withdraw()
    if (!this.#queued) return
    this.#queued = false
    this.output.leave(this)
    // The operations behind this one may commit.
    afterWithdrawal(() => this.output.startNext())
  }

  /** Called when the operations before this one are done. */
  start(): void {
    if (this.#started) return
    this.#started = true
    if (!this.#begun()) this.#wait()
  }

  wake(inner: Node<unknown>): void {
    this.#inner = null
    if (!this.#took(inner) || this.#advanced()) return
    this.#wait()
  }

  override external(): boolean {
    return this.#inner?.external() ?? true
  }

  override blockers(): Iterable<Runnable> {
    return this.#inner?.blockers() ?? []
  }

  /** Lets the operations behind this one begin. */
  protected dequeue(): void {
    if (!this.#queued) return
    this.#queued = false
    this.output.leave(this)
    this.output.startNext()
  }

  #begun(): boolean {
    try {
      this.begin()
    } catch (error) {
      this.#settle(() => this.fail(error))
      return true
    }
    return this.#advanced()
  }

  /** Does the steps that can be done at once, and returns whether those were all. */
  #advanced(): boolean {
    for (;;) {
      let inner: Node<void>
      try {
        const step = this.step()
        if (step === null) {
          this.#settle(() => this.complete(undefined))
          return true
        }
        inner = step.node()
        inner.waiter = null
        if (!inner.poll()) {
          this.#inner = inner
          return false
        }
      } catch (error) {
        this.#refused(error)
        return true
      }
      if (!this.#took(inner)) return true
    }
  }

  /** Returns false if the operation has failed by that step. */
  #took(inner: Node<unknown>): boolean {
    try {
      inner.take()
    } catch (error) {
      this.#refused(error)
      return false
    }
    this.stepped()
    return true
  }

  #refused(error: unknown): void {
    this.output.failed(error, this.told)
    this.#settle(() => this.fail(error))
  }

  #wait(): void {
    this.#inner?.enter(this)
  }

  #settle(commit: () => void): void {
    this.#inner = null
    commit()
    this.dequeue()
  }
}

/** Writes: holds back small data, and sends everything if there is no room for it. */
export class WriteNode extends OutputNode {
  readonly #bytes: Uint8Array
  #written = false
  protected readonly what: string

  constructor(output: Output, bytes: Uint8Array) {
    super(output)
    this.#bytes = bytes
    this.what = `write ${bytes.length} bytes to`
  }

  protected begin(): void {
    this.output.assertWritable(this.describe())
    this.#written = false
  }

  protected step(): Op<void> | null {
    if (this.#written) return null
    if (!this.output.holds(this.#bytes)) return this.output.send(this.#bytes)
    this.output.hold(this.#bytes)
    return null
  }

  protected stepped(): void {
    this.output.sent()
    this.#written = true
  }
}

/** Sends the bytes that are held back. */
export class DrainNode extends OutputNode {
  protected readonly what: string = 'send what was written to'

  protected override get told(): boolean {
    return false
  }

  protected begin(): void {}

  protected step(): Op<void> | null {
    return this.output.buffered > 0 && this.output.whole ? this.output.send() : null
  }

  protected stepped(): void {
    this.output.sent()
  }
}

/** Sends the bytes that are held back, and waits until the sink has passed on everything. */
export class FlushNode extends DrainNode {
  protected override readonly what: string = 'flush'
  #passing = false

  protected override get told(): boolean {
    return true
  }

  protected override begin(): void {
    this.output.assertWhole()
    this.#passing = false
  }

  protected override step(): Op<void> | null {
    if (this.#passing) return null
    const send = super.step()
    if (send !== null) return send
    this.#passing = true
    const passed = this.pass()
    // Later writes do not have to wait.
    this.dequeue()
    return passed
  }

  protected override stepped(): void {
    if (!this.#passing) super.stepped()
  }

  protected pass(): Op<void> {
    return this.output.sink.flush()
  }
}

/** Sends the bytes that are held back, and then ends the stream. */
export class CloseNode extends FlushNode {
  protected override readonly what = 'close'

  /** Only a close that is really performed ends the stream. */
  override poll(): boolean {
    return false
  }

  protected override pass(): Op<void> {
    return this.output.shutdown()
  }
}
