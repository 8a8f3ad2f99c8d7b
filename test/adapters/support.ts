/** What the tests of the bridges share. Nothing sleeps: everything waits for turns of the event loop or for events. */
import { getEventListeners } from 'node:events'
import { type Co, enterScope, go, Scope, type Sender, type Tasklet } from '../../src/core/index.js'

/** Whole turns of the event loop, enough for everything in memory to come to rest. */
export async function turns(count = 10): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise(resolve => setImmediate(resolve))
}

/** Keeps how `work` ended: its value, its error, or `pending`. */
export function watch(work: PromiseLike<unknown>): { outcome: unknown } {
  const seen: { outcome: unknown } = { outcome: 'pending' }
  work.then(
    value => {
      seen.outcome = value
    },
    (error: unknown) => {
      seen.outcome = error
    },
  )
  return seen
}

/** How `work` ended, after everything has come to rest. */
export async function outcome(work: PromiseLike<unknown>): Promise<unknown> {
  const seen = watch(work)
  await turns()
  return seen.outcome
}

/** The warnings that are reported while `body` runs, instead of being printed. */
export async function reported(body: () => Promise<unknown>): Promise<string[]> {
  const warnings: string[] = []
  const spy = jest.spyOn(process, 'emitWarning').mockImplementation(warning => {
    warnings.push(typeof warning === 'string' ? warning : warning.message)
  })
  try {
    await body()
    await turns()
  } finally {
    spy.mockRestore()
  }
  return warnings
}

/** A scope as a request has one; its failures are kept. */
export class TestScope {
  readonly failures: unknown[] = []
  readonly scope = new Scope({ name: 'request', onFailure: error => this.failures.push(error) })

  /** Calls `fn` in the scope. */
  run<R>(fn: () => R): R {
    return enterScope(this.scope, fn)
  }

  go<T>(fn: () => Co<T>): Tasklet<T> {
    return this.run(() => go(fn))
  }

  /** How many bridges are bound to the scope. */
  get bonds(): number {
    return getEventListeners(this.scope.signal, 'abort').length
  }
}

/** A promise of the next `event`. */
export function once(emitter: NodeJS.EventEmitter, event: string): Promise<unknown> {
  return new Promise(resolve => emitter.once(event, resolve))
}

/** Runs `body` in a scope, so that the failure of a tasklet is kept and is not the process's. */
export function inScope<R>(body: () => R): R {
  return new TestScope().run(body)
}

/** Everything that comes until the end. */
export async function all<T>(from: AsyncIterable<T>): Promise<T[]> {
  const seen: T[] = []
  for await (const value of from) seen.push(value)
  return seen
}

/** Sends 0, 1, 2, ... for ever, or `count` of them and then the end; counts what was taken. */
export function producer(to: Sender<number>, count = Number.POSITIVE_INFINITY) {
  const state = { sent: 0, stopped: undefined as unknown }
  go(function* () {
    try {
      for (; state.sent < count; state.sent++) yield* to.send(state.sent)
      to.close()
    } catch (error) {
      state.stopped = error
    }
  })
  return state
}
