/**
 * The events on `node:diagnostics_channel`: rare ones only. An event costs one check while nobody subscribes.
 * Instruments see what happens at every switch.
 */
import { channel } from 'node:diagnostics_channel'

/** @internal A tasklet was started: `{ tasklet }`. */
export const spawned = channel('syncless.tasklet.spawn')
/**
 * @internal A tasklet has ended: `{ tasklet, error }`, where `error` is the error that it failed with, or the exit that
 * it took.
 */
export const exited = channel('syncless.tasklet.exit')
/** @internal A tasklet was asked to end: `{ tasklet, exit }`. */
export const killed = channel('syncless.tasklet.kill')
/** @internal A channel was ended: `{ channel, end }`. */
export const ended = channel('syncless.channel.end')
/** @internal A policy or `cancel` dropped an item: `{ channel }`; its statistics have the count. */
export const dropped = channel('syncless.channel.drop')
/** @internal An error had nowhere to go: `{ error, what }`. It is a process warning too. */
export const reported = channel('syncless.report')
