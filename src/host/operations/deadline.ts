import { startTimer } from '../../core/ops/sleep.js'

/** A time that runs from now on, in milliseconds, against which several things are measured. */
export class Deadline {
  readonly #passed: Promise<false>
  readonly #stop: () => void

  constructor(ms: number) {
    let pass: (value: false) => void = () => {}
    this.#passed = new Promise(resolve => {
      pass = resolve
    })
    this.#stop = startTimer(ms, () => pass(false))
  }

  /** Whether `work` ended in time. Rejects as `work` does, if that is in time. */
  async allows(work: Promise<unknown>): Promise<boolean> {
    return Promise.race([work.then(() => true), this.#passed])
  }

  /** Stops the timer: nothing more is measured. */
  stop(): void {
    this.#stop()
  }
}
