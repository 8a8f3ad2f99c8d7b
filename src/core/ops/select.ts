import { SynclessError } from '../base/errors.js'
import { Composite, MOST_ATOMS, type Order } from '../loop/composite.js'
import { loop } from '../loop/loop.js'
import { type Node, Op, WAITING } from '../loop/op.js'

/** The branches of a select: operations by name. A falsy branch is skipped. */
export type Branches = Record<string, Op<unknown> | false | null | undefined | 0 | ''>

/** The branch that committed: its key and its value. */
export type Selected<B extends Branches> = {
  [K in keyof B & string]: B[K] extends infer O ? (O extends Op<infer T> ? { key: K; value: T } : never) : never
}[keyof B & string]

/** The result of a select: a branch, or `orElse` if that was offered. */
export type Choice<B extends Branches, F> = Selected<B> | ([F] extends [never] ? never : { key: 'orElse'; value: F })

/** Options of {@link select}. */
export interface SelectOptions<F = never> {
  /** Takes the first listed branch that is ready, instead of a fair choice. Default: false. */
  biased?: boolean
  /** Makes the select a poll: it gives `{ key: 'orElse', value: orElse }` at once if no branch is ready. */
  orElse?: F
}

interface Branch {
  readonly key: string
  readonly node: Node<unknown>
}

class SelectNode<C> extends Composite<C> {
  readonly #branches: readonly Branch[]
  readonly #parts: readonly Node<unknown>[]
  readonly #biased: boolean
  readonly #fallback: { value: unknown } | null
  #winner: Branch | null = null
  /** Whether no branch is a composite: the usual case, which needs no walks. */
  readonly #flat: boolean
  /** The branches of a flat select in the order in which they were asked, backwards. */
  #drawn: Node<unknown>[] | null = null

  constructor(branches: readonly Branch[], biased: boolean, fallback: { value: unknown } | null) {
    let atoms = 0
    let flat = true
    for (const { node } of branches) {
      if (node instanceof Composite) flat = false
      atoms += node instanceof Composite ? node.atoms : 1
    }
    super(atoms)
    this.#flat = flat
    this.#branches = branches
    this.#parts = branches.map(({ node }) => node)
    this.#biased = biased
    this.#fallback = fallback
  }

  parts(): readonly Node<unknown>[] {
    return this.#parts
  }

  chosen(): Node<unknown> | null {
    return this.#winner?.node ?? null
  }

  protected text(partText: (part: Node<unknown>) => string): string {
    return `select { ${this.#branches.map(({ key, node }) => `${key}: ${partText(node)}`).join(', ')} }`
  }

  /** Nested selects flatten: the choice is among the leaves. */
  override get transparent(): boolean {
    return !this.#biased && this.#fallback === null
  }

  override get order(): Order {
    return this.#biased ? 'listed' : 'fair'
  }

  override assertDistinct(): void {
    const [first, second] = this.#parts
    if (!this.#flat || this.#parts.length !== 2 || first === second) super.assertDistinct()
  }

  override poll(): boolean {
    if (!this.#flat) return super.poll()
    if (this.atoms > MOST_ATOMS) this.assertDistinct()
    for (const part of this.#parts) {
      part.assertIdle()
      part.waiter = this
    }
    const drawn = this.#parts.slice()
    for (let left = drawn.length; left > 0; left--) {
      const at = this.#biased ? left - 1 : loop.random.below(left)
      const part = this.#biased ? this.#parts[drawn.length - left] : drawn[at]
      if (part === undefined) continue
      if (part.poll()) return true
      drawn[at] = drawn[left - 1] as Node<unknown>
      drawn[left - 1] = part
    }
    this.#drawn = drawn
    return this.forgoes()
  }

  protected override link(): void {
    const drawn = this.#drawn
    this.#drawn = null
    if (drawn === null) {
      super.link()
      return
    }
    for (let i = drawn.length - 1; i >= 0; i--) {
      drawn[i]?.enter(this)
      if (this.state !== WAITING) return
    }
  }

  override take(): C {
    const winner = this.#winner
    if (!this.#flat || winner === null) return super.take()
    return this.given(winner.node.take())
  }

  protected override forgoes(): boolean {
    if (this.#fallback === null) return false
    for (const part of this.#parts) part.withdraw()
    this.complete(undefined as C)
    return true
  }

  /** Withdraws the other branches. */
  protected override committed(part: Node<unknown>): void {
    for (const branch of this.#branches) {
      if (branch.node === part) this.#winner = branch
      else branch.node.withdraw()
    }
  }

  protected override given(value: unknown): C {
    const choice: unknown = { key: this.#winner?.key, value }
    return choice as C
  }

  protected override alone(): C {
    const choice: unknown = { key: 'orElse', value: this.#fallback?.value }
    return choice as C
  }
}

/**
 * Waits for the first of several operations and commits exactly that one. The others did not happen and may be used
 * again. The choice among ready branches is fair, by the loop's seeded generator; see {@link SelectOptions}. A select
 * never pairs two of its own branches. Branches are atomic operations; use a tasklet for work of several steps.
 * Semantics: CML `select`, Go `select`. Throws `INVALID_ARGUMENT` for a branch that is not an operation, and `OP_REUSED`
 * for an operation that stands under two keys or is in use.
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
  for (const key of Object.keys(branches)) {
    const op = branches[key]
    if (!op) continue
    if (!(op instanceof Op)) {
      throw new SynclessError(
        'INVALID_ARGUMENT',
        `select: branch "${key}" is not an operation: wrap a promise in until()`,
      )
    }
    list.push({ key, node: op.node() })
  }
  const fallback = 'orElse' in options ? { value: options.orElse } : null
  const made = new SelectNode<Choice<B, F>>(list, options.biased === true, fallback)
  if (list.length > 1 && made.atoms <= MOST_ATOMS) made.assertDistinct()
  return made
}
