/** The moments when nothing goes on, for code that acts then, such as a clock that moves by itself. */
import { performance } from 'node:perf_hooks'
// Not the globals: those may be faked.
import { setImmediate, setTimeout } from 'node:timers'
import { loop } from '../core/loop/loop.js'
import { isHeld } from './order.js'

/** Waits for one turn of the event loop: its timers, its I/O, and every promise that these settle. */
export function turn(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}

/** Waits for `ms` of real time. */
export function delay(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms))
}

/**
 * Resolves when no tasklet is ready to run and none becomes ready within a turn of the event loop. While {@link
 * stepping}, no tasklet can run: it resolves after one turn.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { channel, go } from 'syncless'
 * import { runUntilIdle } from 'syncless/testing'
 *
 * const ch = channel<number>()
 * const t = go(() => ch.receive())
 * await runUntilIdle()
 * assert.equal(t.state, 'waiting')
 * ch.trySend(1)
 * await runUntilIdle()
 * assert.equal(t.state, 'done')
 * ```
 */
export async function runUntilIdle(): Promise<void> {
  do await turn()
  while (loop.readyCount > 0 && !isHeld())
}

/** The definition of quiet, see {@link untilQuiet}. */
export interface Quiet {
  /** The number of turns of the event loop, one after the other, in which nothing happens. */
  readonly turns: number
  /** The real time in which no tasklet runs, in ms. */
  readonly patience: number
  /** A number that changes with anything else that is not quiet. */
  mark?(): number
}

/**
 * Resolves when nothing has happened for a while: no tasklet was ready or ran, the event loop handled no event of the
 * operating system, and Node works at no request to a file or a name server. Gives up, and resolves, when `over` returns
 * true.
 */
export async function untilQuiet(quiet: Quiet, over: () => boolean): Promise<void> {
  let before: string
  do {
    before = activity(quiet)
    if (quiet.patience > 0) await delay(quiet.patience)
    await quietTurns(quiet, over)
  } while (quiet.patience > 0 && activity(quiet) !== before && !over())
}

function activity({ mark }: Quiet): string {
  return `${loop.steps} ${mark?.()}`
}

async function quietTurns(quiet: Quiet, over: () => boolean): Promise<void> {
  let before = `${activity(quiet)} ${eventCount()}`
  for (let left = quiet.turns; left > 0 && !over(); left--) {
    const waits = requestsInFlight()
    await (waits ? delay(1) : turn())
    const now = `${activity(quiet)} ${eventCount()}`
    if (loop.readyCount > 0 || waits || now !== before) left = quiet.turns + 1
    before = now
  }
}

/** Returns how many events of the operating system (sockets, pipes, signals, ends of work in threads) Node has handled. */
function eventCount(): number {
  return performance.nodeTiming.uvMetricsInfo.events
}

/** Returns whether Node says that it works at something that comes to an end: files, names. A peer may never answer. */
function requestsInFlight(): boolean {
  return process.getActiveResourcesInfo().some(kind => /^(FSReq|CloseReq$|GetAddrInfo|GetNameInfo)/.test(kind))
}
