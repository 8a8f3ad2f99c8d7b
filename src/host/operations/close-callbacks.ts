/** The callbacks of `host.onClose()`: for connections of databases and whatever else the apps share. */
import { AsyncResource } from 'node:async_hooks'
import { types } from 'node:util'
import { assertFunction, invalid } from '../../core/base/arguments.js'
import { SynclessError } from '../../core/base/errors.js'
import { leaveScope } from '../../core/scope/scope.js'
import { Deadline } from './deadline.js'

/** A callback of `host.onClose()`. If it returns a promise, the host waits for it. */
export type CloseCallback = () => unknown

export class CloseCallbacks {
  readonly #waiting: { readonly name: string; readonly call: CloseCallback }[] = []
  #over = false

  /** How many have not been called. */
  get count(): number {
    return this.#waiting.length
  }

  /** Throws `INVALID_ARGUMENT`, and `HOST_STATE` once all have been called. */
  add(callback: CloseCallback): void {
    assertFunction('the callback of host.onClose()', callback)
    if (types.isGeneratorFunction(callback)) {
      throw invalid('the callback of host.onClose()', 'an async function, or one that returns go(...)', callback)
    }
    if (this.#over) throw new SynclessError('HOST_STATE', 'host.onClose(): the host has been closed')
    this.#waiting.push({ name: callback.name || 'anonymous', call: AsyncResource.bind(() => leaveScope(callback)) })
  }

  /**
   * Calls the callbacks one after the other, the latest first, including those added meanwhile. At the deadline it
   * stops waiting for the current callback; the remaining ones get `lastChance` milliseconds together. Returns the
   * errors.
   */
  async run(deadline: Deadline, lastChance: number): Promise<unknown[]> {
    const errors: unknown[] = []
    let time = deadline
    for (let next = this.#waiting.pop(); next !== undefined; next = this.#waiting.pop()) {
      const { name, call } = next
      const called = new Promise(resolve => resolve(call())).catch(error => errors.push(error))
      if (await time.allows(called)) continue
      errors.push(new SynclessError('TIMEOUT', `the onClose callback "${name}" had not finished at the deadline`))
      if (time === deadline) time = new Deadline(lastChance)
    }
    this.#over = true
    time.stop()
    return errors
  }
}
