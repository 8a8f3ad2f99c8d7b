/** The hooks of the scheduler. As in the original, they belong to the process, not to one main. */
import type { channel } from './channel.js'
import type { tasklet } from './tasklet.js'
import { hooks } from './world/hook-calls.js'

/** A hook before each switch; `previous` is null when main starts. */
export type ScheduleCallback = (previous: tasklet | null, next: tasklet) => void

/** A hook before each transfer; `sender.tempval` is the value that is being sent. */
export type ChannelCallback = (channel: channel, tasklet: tasklet, isSending: boolean, willBlock: boolean) => void

/**
 * A handler of the uncaught error of a tasklet, called in the context of that tasklet. An error of the handler goes to
 * main.
 */
export type ErrorHandler = (error: unknown) => void

/**
 * Sets the hook before each switch of tasklets, or null; returns the hook before. An error of the hook is reported and
 * changes nothing.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { main, run, setScheduleCallback, tasklet } from 'syncless/stackless'
 *
 * let switches = 0
 * await main(function* () {
 *   new tasklet(() => {}).setup()
 *   setScheduleCallback(() => switches++)
 *   yield* run()
 *   setScheduleCallback(null)
 * })
 * assert.equal(switches, 2)
 * ```
 */
export function setScheduleCallback(callback: ScheduleCallback | null): ScheduleCallback | null {
  const before = hooks.schedule as ScheduleCallback | null
  hooks.schedule = callback as typeof hooks.schedule
  return before
}

export function getScheduleCallback(): ScheduleCallback | null {
  return hooks.schedule as ScheduleCallback | null
}

/**
 * Sets the hook before each send or receive, also before one that will block or fail, or null; returns the hook before.
 * An error of the hook is reported and changes nothing.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { channel, main, run, setChannelCallback, tasklet } from 'syncless/stackless'
 *
 * const log: string[] = []
 * setChannelCallback((_channel, tasklet, isSending, willBlock) => {
 *   log.push(`${isSending ? `send ${tasklet.tempval}` : 'receive'}${willBlock ? ', blocks' : ''}`)
 * })
 * await main(function* () {
 *   const ch = new channel<number>()
 *   new tasklet(() => ch.receive()).setup()
 *   yield* ch.send(1)
 *   yield* run()
 * })
 * setChannelCallback(null)
 * assert.deepEqual(log, ['send 1, blocks', 'receive'])
 * ```
 */
export function setChannelCallback(callback: ChannelCallback | null): ChannelCallback | null {
  const before = hooks.channel as ChannelCallback | null
  hooks.channel = callback as typeof hooks.channel
  return before
}

export function getChannelCallback(): ChannelCallback | null {
  return hooks.channel as ChannelCallback | null
}

/**
 * Sets the handler of the uncaught errors of tasklets other than main, or null; returns the handler before. If there is
 * no handler, or it throws, the error is thrown in main, or in the innermost caller of `run()`.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { getcurrent, main, run, setErrorHandler, tasklet } from 'syncless/stackless'
 *
 * const handled: unknown[] = []
 * setErrorHandler(error => handled.push(error, getcurrent().isMain))
 * const failure = new Error('in a tasklet')
 * await main(function* () {
 *   new tasklet(() => {
 *     throw failure
 *   }).setup()
 *   yield* run()
 * })
 * setErrorHandler(null)
 * assert.deepEqual(handled, [failure, false])
 * ```
 */
export function setErrorHandler(handler: ErrorHandler | null): ErrorHandler | null {
  const before = hooks.error
  hooks.error = handler
  return before
}

export {
  getChannelCallback as get_channel_callback,
  getScheduleCallback as get_schedule_callback,
  setChannelCallback as set_channel_callback,
  setErrorHandler as set_error_handler,
  setScheduleCallback as set_schedule_callback,
}
