/**
 * Nodes that are made of other nodes: selects, mapped operations, timeouts. Users nest them as deep as they like, so that
 * nothing here is a recursion. What a tree of them has to do is a walk over it; the nodes only say what their own part is.
 */

import { SynclessError } from '../base/errors.js'
import { holdCallbacks } from '../base/withdrawal.js'
import { Ending } from './ending.js'
import { loop } from './loop.js'
import { DONE, IDLE, Node, WAITING, type Waiter } from './op.js'
import type { Runnable } from './running.js'

/** How deep a description goes. */
const MOST_DESCRIBED = 10

/** Up to so many atoms, doubles are looked for when a select is made; with more, when it is performed. */
export const MOST_ATOMS = 64

/** How the parts of a composite are asked: all those of a tree in one fair order, or each in its own. */
export type Order = 'fair' | 'listed'

export abstract class Composite<T> extends Node<T> implements Waiter {
  /** The order in which the leaves were last asked, which is that in which they begin to wait. */
  private asked: Node<unknown>[] | null = null
  /** What it waits for since it was interrupted. */
  ending: Ending | null = null
  /** How many nodes that are no composites it is made of. */
  readonly atoms: number

  constructor(atoms: number) {
    super()
    this.atoms = atoms
  }

  /** What it performs. More than one part is a choice. */
  abstract parts(): readonly Node<unknown>[]
  /** The part that gives its outcome; null where it has one of its own. */
  abstract chosen(): Node<unknown> | null
  /** Its description, with those of its parts. */
  protected abstract text(partText: (part: Node<unknown>) => string): string

  /** Whether a composite around it may ask its parts in place of it. */
  get transparent(): boolean {
    return true
  }

  get order(): Order {
    return 'fair'
  }

  /** It begins to wait. */
  protected opened(): void {}
  /** It stops waiting: it was withdrawn. */
  protected closed(): void {}
  /** A part has committed. */
  protected committed(_part: Node<unknown>): void {}
  /** None of its parts can commit now. True if it commits by itself. */
  protected forgoes(): boolean {
    return false
  }
  /** Whether something outside the core may end it, whatever its parts are. */
  protected get bounded(): boolean {
    return false
  }

  /** Its outcome, from that of the chosen part. */
  protected given(value: unknown): T {
    return value as T
  }
  /** Its outcome, where the chosen part has failed. */
  protected failed(error: unknown): T {
    throw error
  }
  /** Its outcome, where no part gives one. */
  protected alone(): T {
    return this.value
  }

  describe(): string {
    const describe = (node: Node<unknown>, depth: number): string => {
      if (!(node instanceof Composite)) return node.describe()
      return depth === 0 ? '...' : node.text(part => describe(part, depth - 1))
    }
    return describe(this, MOST_DESCRIBED)
  }

  override assertIdle(): void {
    for (const node of nodesOf(this)) if (node.state !== IDLE) node.refuseReuse()
  }

  /** Throws `OP_REUSED` where an operation stands twice in the tree. */
  assertDistinct(): void {
    const seen = new Set<Node<unknown>>()
    for (const leaf of leavesOf(this)) {
      if (seen.has(leaf)) {
        throw new SynclessError(
          'OP_REUSED',
          `"${leaf.describe()}" stands twice in one select: make one for each branch`,
        )
      }
      seen.add(leaf)
    }
  }

  poll(): boolean {
    if (this.atoms > MOST_ATOMS) this.assertDistinct()
    const asked: Node<unknown>[] = []
    this.asked = null
    const open = [new Turn(this)]
    for (let turn = open.at(-1); turn !== undefined; turn = open.at(-1)) {
      const next = turn.draw()
      if (next === undefined) {
        if (turn.of.forgoes()) return true
        open.pop()
      } else if (next instanceof Composite) open.push(new Turn(next))
      else if (next.poll()) return true
      else asked.push(next)
    }
    this.asked = asked
    return false
  }

  override interrupt(cause: unknown): boolean {
    let lasts = false
    for (const leaf of leavesOf(this)) if (leaf.interrupt(cause)) lasts = true
    return lasts
  }

  override lingers(error: unknown): boolean {
    const first = this.ending === null
    const parts = leavesOf(this).filter(leaf => leaf.interrupt(error))
    const ending = this.ending ?? new Ending(this, parts, error)
    if (!ending.lasts) return false
    this.ending = ending
    if (!first && ending.error !== error) loop.current?.interrupts?.push(error)
    return true
  }

  protected link(): void {
    const leaves = this.asked ?? leavesOf(this)
    this.asked = null
    const endings: Ending[] = []
    for (const node of nodesOf(this)) {
      if (!(node instanceof Composite)) continue
      node.state = WAITING
      node.opened()
      if (node.ending !== null) endings.push(node.ending)
      else for (const part of node.parts()) part.waiter = node
    }
    for (const leaf of leaves) {
      if (leaf.waiter !== null) leaf.enter(leaf.waiter)
      if (this.state !== WAITING) return
    }
    for (const ending of endings) ending.enter()
  }

  override withdraw(): void {
    holdCallbacks(() => {
      const open: Node<unknown>[] = [this]
      for (let node = open.pop(); node !== undefined; node = open.pop()) {
        if (!(node instanceof Composite)) {
          node.withdraw()
          continue
        }
        const waited = node.state === WAITING
        node.state = IDLE
        node.waiter = null
        if (!waited) continue
        node.closed()
        if (node.ending === null) pushReversed(open, node.parts())
        else node.ending.withdraw()
      }
    })
  }

  protected unlink(): void {}

  /** A part has committed: the others did not happen. */
  wake(part: Node<unknown>): void {
    holdCallbacks(() => {
      let by = part
      let at: Waiter | null = this
      while (at instanceof Composite) {
        at.state = DONE
        at.committed(by)
        by = at
        at = at.waiter
      }
      at?.wake(by)
    })
  }

  override take(): T {
    if (this.ending !== null) throw this.ending.error
    const path: Composite<unknown>[] = []
    let at: Node<unknown> | null = this
    for (; at instanceof Composite && at.ending === null; at = at.chosen()) path.push(at)
    let alone = at === null
    let failed = false
    let value: unknown
    try {
      value = at?.take()
    } catch (error) {
      failed = true
      value = error
    }
    for (let node = path.pop(); node !== undefined; node = path.pop()) {
      try {
        value = alone ? node.alone() : failed ? node.failed(value) : node.given(value)
        failed = false
      } catch (error) {
        failed = true
        value = error
      }
      alone = false
    }
    if (failed) throw value
    return value as T
  }

  override passes(tasklet: Runnable): boolean {
    let at: Node<unknown> | null = this
    while (at instanceof Composite) at = at.chosen()
    return at?.passes(tasklet) ?? false
  }

  override external(): boolean {
    for (const node of nodesOf(this)) if (node instanceof Composite ? node.bounded : node.external()) return true
    return false
  }

  override strands(): boolean {
    for (const node of nodesOf(this)) {
      if (node instanceof Composite ? node.parts().length === 0 : !node.strands()) return false
    }
    return true
  }

  override *blockers(): Generator<Runnable, void, unknown> {
    for (const leaf of leavesOf(this)) yield* leaf.blockers()
  }
}

/** The parts of one composite that are still to be asked, those of transparent ones among them in their place. */
class Turn {
  readonly of: Composite<unknown>
  readonly #left: Node<unknown>[]
  readonly #fair: boolean
  #next = 0

  constructor(of: Composite<unknown>) {
    this.of = of
    this.#fair = of.order === 'fair'
    const found: Node<unknown>[] = []
    const open: Node<unknown>[] = []
    const expand = (node: Composite<unknown>) => {
      const parts = node.parts()
      for (const part of parts) {
        if (part.state !== IDLE) part.refuseReuse()
        part.waiter = node
      }
      pushReversed(open, parts)
    }
    expand(of)
    for (let node = open.pop(); node !== undefined; node = open.pop()) {
      if (node instanceof Composite && node.transparent) expand(node)
      else found.push(node)
    }
    this.#left = found
  }

  draw(): Node<unknown> | undefined {
    const list = this.#left
    if (!this.#fair) return list[this.#next++]
    const left = list.length
    if (left === 0) return undefined
    const at = loop.random.below(left)
    const drawn = list[at]
    const last = list.pop()
    if (at < left - 1 && last !== undefined) list[at] = last
    return drawn
  }
}

function pushReversed(open: Node<unknown>[], parts: readonly Node<unknown>[]): void {
  for (let i = parts.length - 1; i >= 0; i--) {
    const part = parts[i]
    if (part !== undefined) open.push(part)
  }
}

/** Every node of a tree that can commit, from the outside in, in the listed order. */
export function nodesOf(root: Node<unknown>): Node<unknown>[] {
  const nodes: Node<unknown>[] = []
  const open = [root]
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    nodes.push(node)
    if (node instanceof Composite) pushReversed(open, node.ending?.parts ?? node.parts())
  }
  return nodes
}

/** The nodes of a tree that are no composites. */
export function leavesOf(root: Node<unknown>): Node<unknown>[] {
  return nodesOf(root).filter(node => !(node instanceof Composite))
}
