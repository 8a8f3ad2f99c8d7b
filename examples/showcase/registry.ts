import type { Tasklet } from 'syncless'
import type { LiveTasklet } from './model.js'

/** The tasklets that work for a tab or a request, as long as they live. */
export class Registry {
  readonly #live = new Map<Tasklet, string>()

  add(owner: string, tasklet: Tasklet<unknown>): void {
    this.#live.set(tasklet, owner)
    const forget = () => this.#live.delete(tasklet)
    tasklet.then(forget, forget)
  }

  snapshot(): LiveTasklet[] {
    return [...this.#live].map(([{ name, state }, owner]) => ({ owner, name, state }))
  }
}
