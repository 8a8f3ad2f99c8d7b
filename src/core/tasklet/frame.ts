/**
 * Calls of a coroutine on the loop's own frame stack. Native `yield*` passes every resume through each generator between
 * the loop and the wait. Its cost grows with the depth, and it overflows somewhere beyond a thousand. Here the tasklet
 * drives the innermost generator directly; the end of that generator resumes its caller.
 */
import { SynclessError } from '../base/errors.js'
import { loop } from '../loop/loop.js'
import { type Co, Node, PENDING, type Resume, type Suspend } from '../loop/op.js'
import type { Runnable } from '../loop/running.js'

/** @internal One call. The calling frame waits for it, and the end of its generator settles it. */
export class Frame<T> extends Node<T> {
  readonly generator: Iterator<Suspend, T, Resume>
  /** The caller that the tasklet goes on with when this frame has ended. */
  caller: Caller | null = null

  constructor(generator: Co<T>) {
    super()
    this.generator = generator
  }

  describe(): string {
    return 'call of a coroutine'
  }

  override next(): IteratorResult<Suspend, T> {
    const tasklet = loop.current
    if (tasklet === null || tasklet.waiting === this || this.caller !== null) return super.next()
    if ((tasklet.waiting !== null || tasklet.interrupts !== null) && tasklet.holds(this)) return PENDING
    tasklet.enterFrame(this)
    return PENDING
  }

  poll(): boolean {
    throw notAtomic()
  }

  protected link(): void {}

  /** Called when the frame was started by hand and left. */
  protected unlink(): void {
    this.caller?.tasklet.leaveFrame(this)
  }
}

interface Caller {
  readonly tasklet: Runnable
  readonly generator: Iterator<Suspend, unknown, Resume>
  readonly frame: Frame<unknown> | null
}

function notAtomic(): SynclessError {
  return new SynclessError(
    'MISUSE',
    'call(generator) works with yield* in a tasklet only: to await it or to select on it, start it with go()',
  )
}
