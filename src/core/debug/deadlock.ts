/**
 * The deadlock report. Node ends a process when its event loop is empty, and does not mention the tasklets that still
 * wait. Here a waiting tasklet is a deadlock if somebody will miss it. That is so if a promise (an `await`, so `main`
 * too) waits for it, directly or through scopes and joins, or if it has something to send, or asked for a permit.
 *
 * None of the following is ever reported. A tasklet that only receives, and that nobody waits for, is an idle service. A
 * tasklet that waits for a timer, a promise or an action may be woken by a handle that was unref'd. A daemon is meant to
 * be left.
 *
 * Async code that itself waits is reported if it has something to send or asked for a permit, and if Node ends with the
 * code of an unsettled top-level `await`.
 */
import { writeSync } from 'node:fs'
import { stackLines } from '../base/stack.js'
import { type Await, awaits } from '../loop/awaits.js'
import { systemClock } from '../loop/clock.js'
import { loop } from '../loop/loop.js'
import type { Awaited, Runnable } from '../loop/running.js'
import type { Tasklet } from '../tasklet/tasklet.js'
import { awaitDump, awaitLine, taskletDump, taskletLines } from './tasklet-dump.js'

/** The largest number of tasklets in a report. */
const MOST_NAMED = 100
/** The time for the attempts to write the report, in ms. */
const PATIENCE = 1000
/** The exit code of Node for a top-level `await` that never settled. */
const UNSETTLED = 13

/** @internal Called when the first tasklet starts. */
export function reportDeadlockAtExit(tasklets: Iterable<Tasklet<unknown>>): void {
  let empty = false
  process.on('beforeExit', () => {
    empty = true
  })
  process.on('uncaughtExceptionMonitor', () => {
    empty = false
  })
  process.on('exit', code => {
    if (!empty || isExplicitExit() || loop.clock !== systemClock) return
    const stuck = deadlocked(tasklets)
    const unsettled = code === UNSETTLED || process.exitCode === UNSETTLED
    const waits = awaits.list().filter(one => isStuck(one, unsettled))
    if (stuck.length === 0 && waits.length === 0) return
    if (!process.exitCode) process.exitCode = 1
    writeToStderr(deadlockReport(stuck, waits))
  })
}

/**
 * Returns whether async code waits forever and will be missed: it has something to send or asked for a permit, or Node
 * says that the program itself waits. If the tasklets that have to go on first are known, those are reported instead.
 */
function isStuck({ awaited }: Await, unsettled: boolean): boolean {
  if (awaited.external() || !(unsettled || awaited.strands())) return false
  for (const _ of awaited.blockers()) return false
  return true
}

/**
 * Returns whether somebody called `process.exit()`: the loop may have been empty before, and have gone on since. Only
 * the stack tells.
 */
function isExplicitExit(): boolean {
  return /\bexit \(node:internal\//.test(stackLines().join('\n'))
}

/** Writes the whole text, if possible: the standard error may be a pipe that is full for a moment, or that nobody reads. */
function writeToStderr(text: string): void {
  const started = systemClock.now()
  let rest = Buffer.from(text)
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(2, rest))
    } catch (error) {
      const full = (error as NodeJS.ErrnoException).code === 'EAGAIN'
      if (!full || systemClock.now() - started > PATIENCE) return
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1)
    }
  }
}

/** Returns the tasklets that wait forever and will be missed. */
function deadlocked(tasklets: Iterable<Tasklet<unknown>>): Tasklet<unknown>[] {
  const stuck: Tasklet<unknown>[] = []
  const missed = new Missed()
  for (const tasklet of tasklets) {
    const waits = tasklet.state === 'waiting' && tasklet.waiting?.external() === false
    if (waits && !tasklet.daemon && missed.has(tasklet)) stuck.push(tasklet)
  }
  return stuck.sort((a, b) => a.id - b.id)
}

/** The search for those who are missed, directly or through others. Each is asked once, however many depend on it. */
class Missed {
  readonly #known = new Map<Awaited, boolean>()

  has(tasklet: Tasklet<unknown>): boolean {
    const cameFrom = new Map<Awaited, Awaited | null>([[tasklet, null]])
    const unasked: Awaited[] = [tasklet]
    for (let next = unasked.pop(); next !== undefined; next = unasked.pop()) {
      const on: Awaited[] = []
      if (this.#known.get(next) ?? next.isAwaited?.(on)) {
        for (let way: Awaited | null = next; way !== null; way = cameFrom.get(way) ?? null) this.#known.set(way, true)
        return true
      }
      for (const further of on) {
        if (cameFrom.has(further)) continue
        cameFrom.set(further, next)
        unasked.push(further)
      }
    }
    for (const asked of cameFrom.keys()) this.#known.set(asked, false)
    return false
  }
}

function deadlockReport(stuck: Tasklet<unknown>[], waits: Await[]): string {
  const whose = stuck.length === 0 ? 'async code waits' : 'these tasklets are waited for'
  const lines = [`syncless: deadlock: nothing is left that could run, and ${whose}:`]
  for (const tasklet of stuck.slice(0, MOST_NAMED)) {
    for (const line of taskletLines(taskletDump(tasklet, null))) lines.push(`  ${line}`)
  }
  if (stuck.length > MOST_NAMED) lines.push(`  and ${stuck.length - MOST_NAMED} more`)
  for (const one of waits.slice(0, MOST_NAMED)) lines.push(`  ${awaitLine(awaitDump(one))}`)
  if (waits.length > MOST_NAMED) lines.push(`  and ${waits.length - MOST_NAMED} more awaits`)
  const cycle = waitForCycle(stuck)
  if (cycle !== null) lines.push(`  cycle: ${cycle.map(({ id, name }) => `#${id} "${name}"`).join(' -> ')}`)
  return `${lines.join('\n')}\n`
}

/**
 * Returns the first cycle of tasklets that wait for one another, its first tasklet repeated at the end; null if there is
 * none.
 */
function waitForCycle(stuck: readonly Runnable[]): Runnable[] | null {
  const done = new Set<Runnable>()
  for (const start of stuck) {
    const path: Runnable[] = []
    const onPath = new Set<Runnable>()
    const branches: Iterator<Runnable>[] = []
    const enter = (tasklet: Runnable) => {
      path.push(tasklet)
      onPath.add(tasklet)
      branches.push((tasklet.waiting?.blockers() ?? [])[Symbol.iterator]())
    }
    if (!done.has(start)) enter(start)
    for (let branch = branches.at(-1); branch !== undefined; branch = branches.at(-1)) {
      const { value: next, done: exhausted } = branch.next()
      if (exhausted) {
        branches.pop()
        const left = path.pop()
        if (left !== undefined) {
          onPath.delete(left)
          done.add(left)
        }
      } else if (onPath.has(next)) return [...path.slice(path.indexOf(next)), next]
      else if (!done.has(next)) enter(next)
    }
  }
  return null
}
