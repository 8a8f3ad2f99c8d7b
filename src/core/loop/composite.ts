/**
 * Nodes made of other nodes: selects, mapped operations, timeouts. Users nest them to any depth, so nothing here is a
 * recursion. The work on a tree of them is a walk over it; each node only describes its own part.
 */

import { SynclessError } from '../base/errors.js'
import { holdCallbacks } from '../base/withdrawal.js'
import { Ending } from './ending.js'
import { loop } from './loop.js'
import { DONE, IDLE, Node, WAITING, type Waiter } from './op.js'
import type { Runnable } from './running.js'

/** The deepest level of a description. */
const MOST_DESCRIBED = 10

/**
 * The number of atoms up to which a select looks for doubles when it is made; with more atoms, it looks when it is
 * performed.
 */
export const MOST_ATOMS = 64

/**
 * The order in which the parts of a composite are asked: all parts of a tree in one fair order, or each composite's in
 * its own.
 */
export type Order = 'fair' | 'listed'

export abstract class Composite<T> extends Node<T> implements Waiter {
  /** The order in which the leaves were last asked. They begin to wait in the same order. */
  private asked: Node<unknown>[] | null = null
  /** The scopes that it waits for since it was interrupted. */
  ending: Ending | null = null
  /** The number of its nodes that are not composites. */
  readonly atoms: number

  constructor(atoms: number) {
    super()
    this.atoms = atoms
  }

  /** Returns the nodes that it performs. More than one part is a choice. */
  abstract parts(): readonly Node<unknown>[]
  /** Returns the part that gives the outcome; null if the composite has an outcome of its own. */
  abstract chosen(): Node<unknown> | null
  /** Returns its description, including those of its parts. */
  protected abstract text(partText: (part: Node<unknown>) => string): string

  /** Whether a composite around this one may ask its parts directly. */
  get transparent(): boolean {
    return true
  }

  get order(): Order {
    return 'fair'
  }

  /** Called when it begins to wait. */
  protected opened(): void {}
  /** Called when it stops waiting because it was withdrawn. */
  protected closed(): void {}
  /** Called when a part has committed. */
  protected committed(_part: Node<unknown>): void {}
  /** Called when none of its parts can commit now. Returns true if the composite commits by itself. */
  protected forgoes(): boolean {
    return false
  }
  /** Whether something outside the core may end it, whatever its parts are. */
  protected get bounded(): boolean {
    return false
  }

  /** Returns its outcome, made from that of the chosen part. */
  protected given(value: unknown): T {
    return value as T
  }
  /** Returns or throws its outcome if the chosen part has failed. */
  protected failed(error: unknown): T {
    throw error
  }
  /** Returns its outcome if no part gives one. */
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

  /** Throws `OP_REUSED` if an operation stands twice in the tree. */
  assertDistinct(): void {
    const seen = new Set<Node<unknown>>()
    for (const leaf of leavesOf(this)) {
      if (seen.has(leaf)) {
        throw new SynclessError(
          'OP_REUSED',
          `make an operation for each branch of a select: "${leaf.describe()}" is in two of them`,
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

  /** Called when a part has committed: the others did not happen. */
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

/** The parts of one composite that are still to be asked. The parts of a transparent composite stand in its place. */
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

/** Returns every node of a tree that can commit, from the outside in, in the listed order. */
export function nodesOf(root: Node<unknown>): Node<unknown>[] {
  const nodes: Node<unknown>[] = []
  const open = [root]
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    nodes.push(node)
    if (node instanceof Composite) pushReversed(open, node.ending?.parts ?? node.parts())
  }
  return nodes
}

/** Returns the nodes of a tree that are not composites. */
export function leavesOf(root: Node<unknown>): Node<unknown>[] {
  return nodesOf(root).filter(node => !(node instanceof Composite))
}
