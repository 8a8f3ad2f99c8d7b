/** Handlers of frameworks as tasklets. */
import { types } from 'node:util'
import { isTaskletExit, SynclessError, TaskletKilled } from '../../../core/base/errors.js'
import { whenSettled } from '../../../core/loop/latched.js'
import type { Co } from '../../../core/loop/op.js'
import type { Scope } from '../../../core/scope/scope.js'
import { scope as run } from '../../../core/scope/scope-block.js'

/** How a handler ended. One of these is called, once. */
export interface HandlerOutcome<T> {
  done(value: T): void
  failed(error: unknown): void
  /** It was killed: with its request, whose client is gone or has been answered, or by itself, with this error. */
  killed(error: TaskletKilled | null): void
}

/**
 * Runs `body` in a scope of its own within the request's: what it starts belongs to it, and if that fails, it fails. What
 * `failed` throws fails the request.
 */
export function runHandler<T>(request: Scope, name: string, body: () => Co<T>, outcome: HandlerOutcome<T>): void {
  const tasklet = request.go(function* () {
    let value: T
    try {
      value = yield* run(function* handler() {
        return yield* generatorOf(name, body())
      })
    } catch (error) {
      if (isTaskletExit(error)) throw error
      outcome.failed(error)
      return
    }
    outcome.done(value)
  })
  tasklet.name = name
  whenSettled(tasklet.gone, () => {
    if (tasklet.state === 'killed') outcome.killed(request.cancelled ? null : new TaskletKilled(name, tasklet.exit))
  })
}

/** Types cannot tell a plain function that returns a generator from one that lacks its star. */
function generatorOf<T>(name: string, made: Co<T>): Co<T> {
  if (typeof Object(made)[Symbol.iterator] === 'function') return made
  throw new SynclessError('MISUSE', `write function* (with the star): "${name}" is not a generator function`)
}

/** Throws `INVALID_ARGUMENT` for anything except a function, and for functions that cannot wait with `yield*`. */
export function assertGenerator(what: string, fn: unknown): void {
  if (typeof fn === 'function' && !types.isAsyncFunction(fn)) return
  const got = typeof fn === 'function' ? 'an async function: give it to the framework directly' : typeof fn
  throw new SynclessError('INVALID_ARGUMENT', `${what} takes a generator function, and got ${got}`)
}

/** Whether `fn` was written as `function*`, also where it is bound. */
export function isGenerator(fn: unknown): boolean {
  return typeof fn === 'function' && fn.constructor.name === 'GeneratorFunction'
}
