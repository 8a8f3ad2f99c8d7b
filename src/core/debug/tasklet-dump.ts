/** The description of one tasklet: data for `dump()` and the deadlock report, and the lines of their text. */
import type { Await } from '../loop/awaits.js'
import { loop } from '../loop/loop.js'
import type { Runnable } from '../loop/running.js'
import type { Tasklet, TaskletState } from '../tasklet/tasklet.js'
import { stacksOf } from './stacks.js'

/** One tasklet in a {@link Dump}. */
export interface TaskletDump {
  readonly id: number
  readonly name: string
  readonly state: TaskletState
  /** The operation that the tasklet waits for: `receive on "orders"`. */
  readonly waitsFor: string | null
  /**
   * The ids of the tasklets of which one has to go on first, if they are known: joined tasklets, holders of permits,
   * tasklets of a scope. At most the first 100.
   */
  readonly waitsOn: readonly number[]
  /** The time that the tasklet has waited, in ms; 0 while it does not wait. */
  readonly since: number
  /** The id of its scope in the dump; null means the root scope. */
  readonly scope: number | null
  readonly daemon: boolean
  /** Whether the tasklet was asked to end, and has not ended yet. */
  readonly killed: boolean
  /** The stacks of its start (`startedAt`) and of its wait (`waitsAt`); only with `SYNCLESS_DEBUG=1`. */
  readonly startedAt: string | null
  readonly waitsAt: string | null
}

/** @internal */
export function taskletDump(tasklet: Tasklet<unknown>, scope: number | null): TaskletDump {
  const waits = tasklet.state === 'waiting'
  const stacks = stacksOf(tasklet)
  return {
    id: tasklet.id,
    name: tasklet.name,
    state: tasklet.state,
    waitsFor: waits ? (tasklet.waiting?.describe() ?? null) : null,
    waitsOn: waits ? firstIds(tasklet.waiting?.blockers() ?? []) : [],
    since: waits ? Math.max(0, Math.round(loop.clock.now() - tasklet.since)) : 0,
    scope,
    daemon: tasklet.daemon,
    killed: tasklet.exit !== null,
    startedAt: stacks?.started ?? null,
    waitsAt: waits ? (stacks?.blocked ?? null) : null,
  }
}

/** The largest number of ids in `waitsOn`: in a nest of scopes, each scope waits on everything inside. */
const MOST_BLOCKERS = 100

function firstIds(tasklets: Iterable<Runnable>): number[] {
  const ids: number[] = []
  for (const { id } of tasklets) if (ids.push(id) === MOST_BLOCKERS) break
  return ids
}

/** Async code that waits for an operation: an `await`, a `perform()`, or a `for await`. */
export interface AwaitDump {
  /** The operation that the code waits for: `receive on "orders"`. */
  readonly waitsFor: string
  /** The ids of the tasklets of which one has to go on first, if they are known. At most the first 100. */
  readonly waitsOn: readonly number[]
  /** The time that the code has waited, in ms. */
  readonly since: number
}

/** @internal */
export function awaitDump({ awaited, since }: Await): AwaitDump {
  return {
    waitsFor: awaited.describe(),
    waitsOn: firstIds(awaited.blockers()),
    since: Math.max(0, Math.round(loop.clock.now() - since)),
  }
}

/** @internal */
export function awaitLine({ waitsFor, waitsOn, since }: AwaitDump): string {
  const on = waitsOn.length === 0 ? '' : ` (on ${ids(waitsOn)})`
  return `await: ${waitsFor}${on}, for ${duration(since)}`
}

/** @internal */
export function taskletLines(dump: TaskletDump): string[] {
  const flags = [dump.killed ? 'killed' : '', dump.daemon ? 'daemon' : ''].filter(flag => flag !== '').join(', ')
  const on = dump.waitsOn.length === 0 ? '' : ` (on ${ids(dump.waitsOn)})`
  const doing = dump.waitsFor === null ? dump.state : `${dump.state}: ${dump.waitsFor}${on}`
  const time = dump.state === 'waiting' ? `, for ${duration(dump.since)}` : ''
  const lines = [`#${dump.id} "${dump.name}"${flags === '' ? '' : ` [${flags}]`} ${doing}${time}`]
  for (const [what, stack] of [
    ['waits', dump.waitsAt],
    ['started', dump.startedAt],
  ]) {
    if (stack !== null && stack !== undefined) lines.push(`    ${what}`, ...stack.split('\n'))
  }
  return lines
}

const MOST_IDS = 5

function ids(list: readonly number[]): string {
  const named = list.slice(0, MOST_IDS).map(id => `#${id}`)
  return list.length > MOST_IDS ? `${named.join(', ')} and ${list.length - MOST_IDS} more` : named.join(', ')
}

function duration(ms: number): string {
  return ms < 1000 ? `${ms} ms` : `${(ms / 1000).toFixed(1)} s`
}
