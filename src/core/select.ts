import { SynclessError } from './errors.js'
import { loop } from './loop.js'
import { DONE, Node, Op, WAITING, type Waiter } from './op.js'
import type { Tasklet } from './tasklet.js'
import { holdCallbacks } from './withdrawal.js'

/** What a select may choose from: operations by name. A falsy branch is skipped. */
export type Branches = Record<string, Op<unknown> | false | null | undefined | 0 | ''>

/** The branch that committed, by its key, with its value. */
export type Selected<B extends Branches> = {
  [K in keyof B & string]: B[K] extends infer O ? (O extends Op<infer T> ? { key: K; value: T } : never) : never
}[keyof B & string]

/** What a select gives: a branch, or `orElse` where that was offered. */
export type Choice<B extends Branches, F> = Selected<B> | ([F] extends [never] ? never : { key: 'orElse'; value: F })

/** How a select chooses. */
export interface SelectOptions<F = never> {
  /** Takes the first listed branch that is ready, instead of a fair choice. */
  biased?: boolean
  /** Makes the select a poll: where no branch is ready, it gives `{ key: 'orElse', value: orElse }` at once. */
  orElse?: F
}

interface Branch {
  readonly key: string
  readonly node: Node<unknown>
}

class SelectNode<C> extends Node<C> implements Waiter {
  readonly #branches: Branch[]
  readonly #biased: boolean
  readonly #fallback: { value: unknown } | null
  #winner: Branch | null = null

  constructor(branches: Branch[], biased: boolean, fallback: { value: unknown } | null) {
    super()
    this.#branches = branches
    this.#biased = biased
    this.#fallback = fallback
  }

  describe(): string {
    return `select { ${this.#branches.map(({ key, node }) => `${key}: ${node.describe()}`).join(', ')} }`
  }

  override assertIdle(): void {
    super.assertIdle()
    for (const { node } of this.#branches) node.assertIdle()
  }

  /** Nested selects flatten: the choice is among the leaves. */
  override leaves(into: Node<unknown>[]): void {
    if (this.#biased || this.#fallback !== null) {
      into.push(this)
      return
    }
    for (const { node } of this.#branches) {
      node.waiter = this
      node.leaves(into)
    }
  }

  poll(): boolean {
    this.#winner = null
    const leaves: Node<unknown>[] = []
    for (const { node } of this.#branches) {
      node.assertIdle()
      node.waiter = this
      node.leaves(leaves)
    }
    for (let left = leaves.length; left > 0; left--) {
      const chosen = this.#biased ? leaves.length - left : loop.random.below(left)
      const leaf = leaves[chosen]
      if (leaf?.poll()) return true
      if (!this.#biased) swap(leaves, chosen, left - 1)
    }
    if (this.#fallback === null) return false
    for (const { node } of this.#branches) node.withdraw()
    this.complete(undefined as C)
    return true
  }

  /** A branch has committed: the others did not happen. */
  wake(node: Node<unknown>): void {
    this.state = DONE
    holdCallbacks(() => {
      for (const branch of this.#branches) {
        if (branch.node === node) this.#winner = branch
        else branch.node.withdraw()
      }
      this.waiter?.wake(this)
    })
  }

  override passes(tasklet: Tasklet<unknown>): boolean {
    return this.#winner?.node.passes(tasklet) ?? false
  }

  override external(): boolean {
    return this.#branches.some(({ node }) => node.external())
  }

  override strands(): boolean {
    return this.#branches.length > 0 && this.#branches.every(({ node }) => node.strands())
  }

  override blockers(): Iterable<Tasklet<unknown>> {
    return this.#branches.flatMap(({ node }) => [...node.blockers()])
  }

  override atoms(into: Set<Node<unknown>>): void {
    for (const { node } of this.#branches) node.atoms(into)
  }

  override take(): C {
    const choice: unknown =
      this.#winner === null
        ? { key: 'orElse', value: this.#fallback?.value }
        : { key: this.#winner.key, value: this.#winner.node.take() }
    return choice as C
  }

  protected link(): void {
    for (const { node } of this.#branches) {
      node.enter(this)
      if (this.state !== WAITING) return
    }
  }

  protected unlink(): void {
    holdCallbacks(() => {
      for (const { node } of this.#branches) node.withdraw()
    })
  }
}

function swap(list: Node<unknown>[], a: number, b: number): void {
  const first = list[a]
  const second = list[b]
  if (first === undefined || second === undefined) return
  list[a] = second
  list[b] = first
}

/**
 * Waits for the first of several operations and commits exactly that one; the others did not happen and may be used
 * again. Among branches that are ready the choice is fair, by the loop's seeded generator; see {@link SelectOptions}.
 * It never pairs two of its own branches. Branches are atomic operations; multi-step work is a tasklet. Semantics: CML
 * `select`, Go `select`. Throws `INVALID_ARGUMENT` for a branch that is not an operation, `OP_REUSED` for one that
 * stands under two keys or is in use.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { channel, select, sleep } from 'syncless'
 *
 * const jobs = channel<string>(1)
 * await jobs.send('sweep')
 * const chosen = await select({ job: jobs.receive(), tick: sleep(100) })
 * if (chosen.key === 'job') assert.equal(chosen.value.toUpperCase(), 'SWEEP')
 *
 * const poll = await select({ job: jobs.receive() }, { orElse: 'none' })
 * assert.deepEqual(poll, { key: 'orElse', value: 'none' })
 * ```
 */
export function select<B extends Branches, F = never>(branches: B, options: SelectOptions<F> = {}): Op<Choice<B, F>> {
  const list: Branch[] = []
  const seen = new Set<Node<unknown>>()
  for (const key of Object.keys(branches)) {
    const op = branches[key]
    if (!op) continue
    if (!(op instanceof Op)) {
      throw new SynclessError(
        'INVALID_ARGUMENT',
        `select: branch "${key}" is not an operation; wrap a promise in until()`,
      )
    }
    const node = op.node()
    node.atoms(seen)
    list.push({ key, node })
  }
  const fallback = 'orElse' in options ? { value: options.orElse } : null
  return new SelectNode<Choice<B, F>>(list, options.biased === true, fallback)
}
