/** Calls of the hooks of the scheduler, which `hooks.ts` sets. */
import { answerOf, tell } from '../../core/loop/callback.js'
import type { AnyChannel, Runnable } from './runnable.js'

interface Hooks {
  schedule: ((previous: Runnable | null, next: Runnable) => void) | null
  channel: ((channel: AnyChannel, tasklet: Runnable, isSending: boolean, willBlock: boolean) => void) | null
  error: ((error: unknown) => void) | null
}

export const hooks: Hooks = { schedule: null, channel: null, error: null }
let inChannelCallback = false

/** @internal */
export function notifySchedule(previous: Runnable | null, next: Runnable): void {
  if (hooks.schedule === null) return
  tell('the schedule callback', hooks.schedule, previous, next)
}

/** @internal Returns whether a channel callback runs now; no channel may be used inside it. */
export function insideChannelCallback(): boolean {
  return inChannelCallback
}

/** @internal */
export function notifyChannel(channel: AnyChannel, tasklet: Runnable, isSending: boolean, willBlock: boolean): void {
  if (hooks.channel === null) return
  inChannelCallback = true
  tell('the channel callback', hooks.channel, channel, tasklet, isSending, willBlock)
  inChannelCallback = false
}

/** @internal Gives an uncaught error to the handler; returns the error that is left for main. */
export function handleError(error: unknown): { readonly error: unknown } | null {
  if (hooks.error === null) return { error }
  try {
    answerOf('the error handler', undefined, hooks.error(error))
    return null
  } catch (failure) {
    return { error: failure }
  }
}
