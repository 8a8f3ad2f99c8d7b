/**
 * Tasklets and nodes, as the loop and the operations see them. Lower files import nothing of higher ones: this file says
 * what they need, and the classes have it.
 */

declare const suspendBrand: unique symbol
declare const resumeBrand: unique symbol

/** The value that a tasklet's generator yields to the loop; only operations can make one. */
export interface Suspend {
  readonly [suspendBrand]: true
}

/** The value that the loop passes back in; only operations can read it. */
export interface Resume {
  readonly [resumeBrand]: true
}

/** A step of the search for those who are missed. Chains may be long, so the search asks one by one. */
export type Awaited = Pick<Waiter, 'isAwaited'>

/** A waiter for a node: a tasklet, a promise, a select, a mapped op. */
export interface Waiter {
  wake(node: WaitNode): void
  /** Returns whether somebody waits here who will miss it. If that depends on others, they are added to `on`. */
  isAwaited?(on: Awaited[]): boolean
}

/** An operation that is waited for. */
export interface WaitNode<T = unknown> {
  describe(): string
  external(): boolean
  strands(): boolean
  blockers(): Iterable<Runnable>
  performFor(waiter: Waiter): void
  withdraw(): void
  take(): T
}

/** A tasklet. */
export interface Runnable extends Waiter {
  readonly id: number
  readonly name: string
  /** The tasklet on whose behalf it runs. */
  readonly owner: Runnable
  /** The requests to the tasklet. */
  readonly interrupts: { readonly pending: boolean; takePending(): unknown; push(error: unknown): void } | null
  waiting: WaitNode | null
  queued: boolean
  before: Runnable | null
  after: Runnable | null
  resume(): void
  holds(node: WaitNode): boolean
  pass(node: WaitNode): IteratorYieldResult<Suspend>
  rest(node: WaitNode): IteratorYieldResult<Suspend>
  enterFrame(frame: WaitNode): void
  leaveFrame(frame: WaitNode): void
}

/** The observers of the loop. */
export interface Observers {
  call(
    hook: 'onSpawn' | 'onReady' | 'onSwitch' | 'onBlock' | 'onKill' | 'onExit',
    tasklet: Runnable,
    op?: WaitNode,
  ): void
}
