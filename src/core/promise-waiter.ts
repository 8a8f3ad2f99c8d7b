import type { Node, Waiter } from './op.js'

/** Waits for a node on behalf of `then`: one promise, shared by every call. */
export class PromiseWaiter<T> implements Waiter {
  readonly promise: Promise<T>
  #settled: () => void = () => {}

  constructor(node: Node<T>) {
    const committed = new Promise<void>(resolve => {
      this.#settled = resolve
    })
    // Taken in a microtask of its own: `map` functions never run inside whoever committed the operation.
    this.promise = committed.then(() => node.take())
    try {
      node.performFor(this)
    } catch (error) {
      this.promise = Promise.reject(error)
    }
  }

  wake(): void {
    this.#settled()
  }

  isAwaited(): boolean {
    return true
  }
}
