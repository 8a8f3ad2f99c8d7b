/** Operations whose value passes through functions. A chain of `map` calls is one node with a list of functions. */
import { mapping, type Node, Op } from './op.js'
import { WrappingNode } from './wrapping.js'

type Fn = (value: unknown) => unknown

/** The functions of a chain, the last one first, because chains may share their beginnings. */
interface Chain {
  readonly fn: Fn
  readonly before: Chain | null
}

function through(chain: Chain, value: unknown): unknown {
  const fns: Fn[] = []
  for (let at: Chain | null = chain; at !== null; at = at.before) fns.push(at.fn)
  return fns.reduceRight((given, fn) => fn(given), value)
}

class MappedNode<S, T> extends WrappingNode<S, T> {
  readonly #chain: Chain

  constructor(source: Node<S>, chain: Chain) {
    super(source)
    this.#chain = chain
  }

  override map<U>(fn: (value: T) => U): Op<U> {
    return new MappedNode<S, U>(this.source, { fn: fn as Fn, before: this.#chain })
  }

  override take(): T {
    return this.flat ? this.given(this.source.take()) : super.take()
  }

  protected override given(value: unknown): T {
    const { fn, before } = this.#chain
    return (before === null ? fn(value) : through(this.#chain, value)) as T
  }
}

mapping.node = <S, T>(source: Node<S>, fn: (value: S) => T): Op<T> =>
  new MappedNode<S, T>(source, { fn: fn as Fn, before: null })

/** @internal A latched operation with functions: each wait has a node of its own. */
export class MappedLatch<S, T> extends Op<T> {
  readonly #source: Op<S>
  readonly #chain: Chain

  private constructor(source: Op<S>, chain: Chain) {
    super()
    this.#source = source
    this.#chain = chain
  }

  static of<S, T>(source: Op<S>, fn: (value: S) => T): MappedLatch<S, T> {
    return new MappedLatch(source, { fn: fn as Fn, before: null })
  }

  describe(): string {
    return this.#source.describe()
  }

  node(): Node<T> {
    return new MappedNode<S, T>(this.#source.node(), this.#chain)
  }

  map<U>(fn: (value: T) => U): Op<U> {
    return new MappedLatch<S, U>(this.#source, { fn: fn as Fn, before: this.#chain })
  }
}
