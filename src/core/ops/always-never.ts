import { Latched, LatchNode } from '../loop/latched.js'
import { DONE, type Op } from '../loop/op.js'

class Always<T> extends Latched<T> {
  constructor(value: T) {
    super()
    this.settle(DONE, value, undefined)
  }

  describe(): string {
    return 'always'
  }
}

class Never extends Latched<never> {
  describe(): string {
    return 'never'
  }

  override node(): LatchNode<never> {
    return new NeverNode(this)
  }
}

/** Nothing ever wakes this node, so it joins no queue. */
class NeverNode extends LatchNode<never> {
  protected override link(): void {}
  protected override unlink(): void {}
}

/**
 * Returns an operation that is ready at once, with `value`. Semantics: CML `alwaysEvt`.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { always, channel, select } from 'syncless'
 *
 * const jobs = channel<string>()
 * const chosen = await select({ job: jobs.receive(), idle: always('nothing to do') }, { biased: true })
 * assert.deepEqual(chosen, { key: 'idle', value: 'nothing to do' })
 * ```
 */
export function always<T>(value: T): Op<T> {
  return new Always(value)
}

/**
 * An operation that never happens: a branch that a select never chooses. Semantics: CML `never`.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { never, timeout } from 'syncless'
 *
 * assert.equal(await timeout(1, never, { else: 'given up' }), 'given up')
 * ```
 */
export const never: Op<never> = new Never()
