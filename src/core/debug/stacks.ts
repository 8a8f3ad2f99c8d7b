/**
 * Stacks, for dumps. Names and descriptions of operations are always on. A stack costs some microseconds, so it is only
 * taken with `SYNCLESS_DEBUG=1` in the environment: where a tasklet was started, and where it waits.
 */

import { stackLines } from '../base/stack.js'
import type { Tasklet } from '../tasklet/tasklet.js'
import { addInstrument } from './instruments.js'

interface Stacks {
  started: string | null
  blocked: string | null
}

const stacks = new WeakMap<Tasklet<unknown>, Stacks>()

/** @internal */
export function stacksOf(tasklet: Tasklet<unknown>): Stacks | undefined {
  return stacks.get(tasklet)
}

/** @internal Called when the first tasklet starts. */
export function captureStacksIfAsked(): void {
  if (process.env.SYNCLESS_DEBUG !== '1') return
  addInstrument({
    onSpawn: tasklet => {
      stacks.set(tasklet, { started: capture(), blocked: null })
    },
    onBlock: tasklet => {
      const known = stacks.get(tasklet)
      if (known !== undefined) known.blocked = capture()
    },
    onSwitch: tasklet => {
      const known = stacks.get(tasklet)
      if (known !== undefined) known.blocked = null
    },
  })
}

/** Returns the frames of the caller's own code, without those of the core, of Node and of the generators' machinery. */
function capture(): string {
  const lines = stackLines()
  // This folder is a room of the core.
  const core = folderOf(lines[0] ?? '')?.replace(/[^/\\]+[/\\]$/, '') ?? null
  const own = (line: string) =>
    !/\(<anonymous>\)$|\(?node:[^()]*\)?$/.test(line) && !(core !== null && line.includes(core))
  return lines.filter(own).join('\n')
}

/** Returns the folder of the file that a line of a stack names. */
function folderOf(line: string): string | null {
  return /\(?((?:file:\/\/)?\/[^()]*\/|[A-Za-z]:\\[^()]*\\)[^/\\]+:\d+:\d+\)?$/.exec(line)?.[1] ?? null
}
