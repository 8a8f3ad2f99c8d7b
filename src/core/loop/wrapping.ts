import { Composite } from './composite.js'
import { DONE, IDLE, type Node, WAITING } from './op.js'

/** @internal A node that performs another node, and has its own view of the outcome. */
export abstract class WrappingNode<S, T> extends Composite<T> {
  protected readonly source: Node<S>
  /** Whether the source is not a composite: the usual case, which needs no walks. */
  protected readonly flat: boolean

  constructor(source: Node<S>) {
    const composite = source instanceof Composite
    super(composite ? source.atoms : 1)
    this.source = source
    this.flat = !composite
  }

  parts(): readonly Node<unknown>[] {
    return [this.source]
  }

  chosen(): Node<unknown> | null {
    return this.source
  }

  protected text(partText: (part: Node<unknown>) => string): string {
    return partText(this.source)
  }

  override lingers(error: unknown): boolean {
    const lingers = this.#wrapped().lingers(error)
    for (let at: Node<unknown> = this; at instanceof WrappingNode; at = at.source) at.lingering(lingers)
    return lingers
  }

  /** Called when the source was asked whether it lingers. */
  protected lingering(_lingers: boolean): void {}

  #wrapped(): Node<unknown> {
    let at: Node<unknown> = this
    while (at instanceof WrappingNode) at = at.source
    return at
  }

  override poll(): boolean {
    if (!this.flat) return super.poll()
    const { source } = this
    source.assertIdle()
    source.waiter = this
    return source.poll()
  }

  protected override link(): void {
    if (!this.flat) super.link()
    else {
      this.opened()
      this.source.enter(this)
    }
  }

  override withdraw(): void {
    if (!this.flat) {
      super.withdraw()
      return
    }
    const waited = this.state === WAITING
    this.state = IDLE
    this.waiter = null
    if (!waited) return
    this.closed()
    this.source.withdraw()
  }

  override wake(part: Node<unknown>): void {
    if (this.waiter instanceof Composite) {
      super.wake(part)
      return
    }
    this.state = DONE
    this.committed(part)
    this.waiter?.wake(this)
  }
}
