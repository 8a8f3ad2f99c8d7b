/**
 * The deadlock report. Node ends a process when its event loop is empty, and says nothing of those who still wait. Here
 * a tasklet that waits then is a deadlock if somebody will miss it: a promise (an `await`, so `main` too) waits for it,
 * directly or through scopes and joins, or it has something to send, or asked for a permit. One that only receives, and
 * that nobody waits for, is an idle service; one that waits for a timer, a promise or an action may be woken by a handle
 * that was unref'd; a daemon is meant to be left. None of those is ever reported.
 */
import { writeSync } from 'node:fs'
import { systemClock } from './clock.js'
import { loop } from './loop.js'
import type { Tasklet } from './tasklet.js'
import { taskletDump, taskletLines } from './tasklet-dump.js'

/** @internal Called when the first tasklet starts. */
export function reportDeadlockAtExit(tasklets: Iterable<Tasklet<unknown>>): void {
  let empty = false
  process.on('beforeExit', () => {
    empty = true
  })
  process.on('uncaughtExceptionMonitor', () => {
    empty = false
  })
  process.on('exit', () => {
    if (!empty || isExplicitExit() || loop.clock !== systemClock) return
    const stuck = deadlocked(tasklets)
    if (stuck.length === 0) return
    writeSync(2, deadlockReport(stuck))
    if (!process.exitCode) process.exitCode = 1
  })
}

/** Whether somebody called `process.exit()`: a loop that has been empty may have gone on since. Only the stack tells. */
function isExplicitExit(): boolean {
  return String(new Error().stack).includes('process.exit (')
}

/** The tasklets that wait for ever, and will be missed. */
function deadlocked(tasklets: Iterable<Tasklet<unknown>>): Tasklet<unknown>[] {
  const stuck: Tasklet<unknown>[] = []
  for (const tasklet of tasklets) {
    const waits = tasklet.state === 'waiting' && tasklet.waiting?.external() === false
    if (waits && !tasklet.daemon && tasklet.isAwaited(new Set())) stuck.push(tasklet)
  }
  return stuck
}

function deadlockReport(stuck: Tasklet<unknown>[]): string {
  const lines = ['syncless: deadlock: nothing is left that could run, and these tasklets are waited for:']
  for (const tasklet of stuck) {
    for (const line of taskletLines(taskletDump(tasklet, null))) lines.push(`  ${line}`)
  }
  const cycle = waitForCycle(stuck)
  if (cycle !== null) lines.push(`  cycle: ${cycle.map(({ id, name }) => `#${id} "${name}"`).join(' -> ')}`)
  return `${lines.join('\n')}\n`
}

/** The first cycle among those who wait for one another, its first tasklet repeated at the end; null if there is none. */
function waitForCycle(stuck: Tasklet<unknown>[]): Tasklet<unknown>[] | null {
  const done = new Set<Tasklet<unknown>>()
  for (const start of stuck) {
    const path: Tasklet<unknown>[] = []
    const onPath = new Set<Tasklet<unknown>>()
    const branches: Iterator<Tasklet<unknown>>[] = []
    const enter = (tasklet: Tasklet<unknown>) => {
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
