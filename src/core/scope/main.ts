import { roomForListener } from '../base/listener-room.js'
import type { Co } from '../loop/op.js'
import type { Scope } from './scope.js'
import { ScopeRun } from './scope-run.js'

const signals = ['SIGINT', 'SIGTERM'] as const

/**
 * Runs a program: `body` as a scope. SIGINT or SIGTERM cancels the scope; cleanup runs, and then the process ends by
 * that signal. A second signal ends the process at once. The promise resolves with the result. A failure rejects it,
 * which ends the process with code 1 unless it is caught.
 *
 * @example
 * ```ts
 * import { main, sleep } from 'syncless'
 *
 * await main(function* () {
 *   yield* sleep(1)
 *   console.log('done')
 * })
 * ```
 */
export async function main<T>(body: (scope: Scope) => Co<T>): Promise<T | undefined> {
  let received: NodeJS.Signals | null = null
  let program: Scope | null = null
  const onSignal = (signal: NodeJS.Signals) => {
    removeHandlers()
    received = signal
    program?.cancel(signal)
  }
  let leaveRoom: (() => void) | null = roomForListener(process)
  const removeHandlers = () => {
    for (const signal of signals) process.off(signal, onSignal)
    leaveRoom?.()
    leaveRoom = null
  }
  for (const signal of signals) process.on(signal, onSignal)
  try {
    return await new ScopeRun(function* main(scope: Scope) {
      program = scope
      return yield* body(scope)
    })
  } finally {
    removeHandlers()
    if (received !== null) process.kill(process.pid, received)
  }
}
