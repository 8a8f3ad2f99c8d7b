import { Await, awaits } from './awaits.js'
import { loop } from './loop.js'
import type { Waiter, WaitNode } from './running.js'

/** Waits for a node on behalf of `then`: one promise, shared by every call. */
export class PromiseWaiter<T> extends Await implements Waiter {
  readonly promise: Promise<T>
  #settled: () => void = () => {}

  /** `op` is the operation that `node` performs. */
  constructor(node: WaitNode<T>, op: unknown) {
    super(node)
    const committed = new Promise<void>(resolve => {
      this.#settled = resolve
    })
    // The value is taken in a microtask of its own: `map` functions never run inside the code that committed the
    // operation.
    this.promise = committed.then(() => takeFor(op, node))
    try {
      node.performFor(this)
      awaits.add(this)
    } catch (error) {
      this.promise = Promise.reject(error)
    }
  }

  wake(): void {
    awaits.remove(this)
    loop.pace(this.#settled)
  }
}

/** Takes the outcome. The promise would adopt an operation that is its own value, and perform it again forever. */
function takeFor<T>(op: unknown, node: WaitNode<T>): T {
  const value: unknown = node.take()
  if (value === op) throw new TypeError('Chaining cycle detected for promise: an operation resolved with itself')
  return value as T
}
