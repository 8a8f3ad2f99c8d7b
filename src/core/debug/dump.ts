import { constants } from 'node:os'
import { inspect } from 'node:util'
import { SynclessError } from '../base/errors.js'
import { roomForListener } from '../base/listener-room.js'
import { awaits } from '../loop/awaits.js'
import { loop } from '../loop/loop.js'
import { liveTasklets, type TaskletOwner } from '../tasklet/tasklet.js'
import { type AwaitDump, awaitDump, awaitLine, type TaskletDump, taskletDump, taskletLines } from './tasklet-dump.js'

/** The deepest level of scopes that is indented. Otherwise most of the text of deeper ones would be spaces. */
const MOST_INDENTS = 50

/** One scope in a {@link Dump}. */
export interface ScopeDump {
  readonly id: number
  readonly name: string
  /** The id of the scope around this one; null means the root scope. */
  readonly parent: number | null
  readonly cancelled: boolean
}

/** The state of all tasklets at one time: plain data for JSON, and a text. Made by {@link dump}. */
export class Dump {
  /** The seed of the loop's choices: the same seed gives the same run. */
  readonly seed: number
  /** The ids of the ready tasklets, in the order in which they will run. */
  readonly ready: readonly number[]
  /** The scopes that have tasklets, and those around them. */
  readonly scopes: readonly ScopeDump[]
  readonly tasklets: readonly TaskletDump[]
  /** The waits of async code. */
  readonly awaits: readonly AwaitDump[]

  /** @internal Use {@link dump}. */
  constructor(seed: number, ready: number[], scopes: ScopeDump[], tasklets: TaskletDump[], waits: AwaitDump[]) {
    this.seed = seed
    this.ready = ready
    this.scopes = scopes
    this.tasklets = tasklets
    this.awaits = waits
  }

  /**
   * Returns the text: the tree of scopes with their tasklets, each with the operation that it waits for and the time
   * that it has waited.
   */
  toString(): string {
    const lines = [`syncless: ${this.tasklets.length} tasklets, ${this.ready.length} of them ready; seed ${this.seed}`]
    const tasklets = grouped(this.tasklets, ({ scope }) => scope)
    const scopes = grouped(this.scopes, ({ parent }) => parent)
    const addTasklets = (scope: number | null, indent: string) => {
      for (const tasklet of tasklets.get(scope) ?? []) {
        for (const line of taskletLines(tasklet)) lines.push(indent + line)
      }
    }
    addTasklets(null, '  ')
    // No recursion: scopes may be nested deeper than the stack goes.
    const open = [(scopes.get(null) ?? []).values()]
    for (let inside = open.at(-1); inside !== undefined; inside = open.at(-1)) {
      const { value: scope, done } = inside.next()
      if (done) {
        open.pop()
        continue
      }
      const depth = Math.min(open.length, MOST_INDENTS)
      lines.push(`${'  '.repeat(depth)}in ${scope.name}${scope.cancelled ? ' [cancelled]' : ''}:`)
      addTasklets(scope.id, '  '.repeat(depth + 1))
      open.push((scopes.get(scope.id) ?? []).values())
    }
    for (const one of this.awaits) lines.push(`  ${awaitLine(one)}`)
    return `${lines.join('\n')}\n`
  }

  [inspect.custom](): string {
    return this.toString()
  }
}

function grouped<T, K>(list: readonly T[], keyOf: (one: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>()
  for (const one of list) {
    const group = groups.get(keyOf(one))
    if (group === undefined) groups.set(keyOf(one), [one])
    else group.push(one)
  }
  return groups
}

/** The numbers of the scopes in which tasklets are. */
class ScopeIds {
  readonly list: ScopeDump[] = []
  readonly #ids = new Map<TaskletOwner, number>()

  of(scope: TaskletOwner | null): number | null {
    if (scope === null) return null
    const unknown: TaskletOwner[] = []
    let around: TaskletOwner | null = scope
    for (; around !== null && !this.#ids.has(around); around = around.parent) unknown.push(around)
    let id = around === null ? null : (this.#ids.get(around) ?? null)
    for (let inner = unknown.pop(); inner !== undefined; inner = unknown.pop()) {
      const parent = id
      id = this.list.length + 1
      this.#ids.set(inner, id)
      this.list.push({ id, name: inner.name, parent, cancelled: inner.cancelled })
    }
    return id
  }
}

/**
 * Describes every tasklet that has not ended: its name, its scope, whether it is ready, running or waiting, for which
 * operation, on whom, and for how long. It also describes every `await` of an operation in async code. With
 * `SYNCLESS_DEBUG=1` in the environment it adds the places where each tasklet was started and where it waits.
 * `String(dump())` is a text, `JSON.stringify(dump())` the same as data. Semantics: Go's goroutine dump.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { channel, dump, go, schedule } from 'syncless'
 *
 * const orders = channel<string>(0, { name: 'orders' })
 * const t = go(function* cook() {
 *   yield* orders.receive()
 * })
 * await schedule()
 * const cook = dump().tasklets.find(({ id }) => id === t.id)
 * assert.equal(cook?.waitsFor, 'receive on "orders"')
 * await t.kill()
 * ```
 */
export function dump(): Dump {
  const scopes = new ScopeIds()
  const tasklets = Array.from(liveTasklets(), tasklet => taskletDump(tasklet, scopes.of(tasklet.scope)))
  tasklets.sort((a, b) => a.id - b.id)
  return new Dump(
    loop.random.seed,
    Array.from(loop.ready(), ({ id }) => id),
    scopes.list,
    tasklets,
    awaits.list().map(awaitDump),
  )
}

/**
 * Writes `dump()` to the standard error whenever the process gets `signal`. Returns a function that stops that. Throws
 * `INVALID_ARGUMENT` for a signal that the system does not have, or that nobody can listen to. Signals reach the main
 * thread only. The signal loses its own effect, such as ending the process.
 *
 * @example
 * ```ts
 * import { dumpOnSignal } from 'syncless'
 *
 * const stop = dumpOnSignal('SIGUSR2') // kill -USR2 <pid>
 * stop()
 * ```
 */
export function dumpOnSignal(signal: NodeJS.Signals = 'SIGUSR2'): () => void {
  const write = () => void process.stderr.write(dump().toString())
  let leaveRoom: (() => void) | null = null
  try {
    // Any other name would be an event of its own that never comes.
    if (!Object.hasOwn(constants.signals, signal)) throw new Error('no such signal')
    leaveRoom = roomForListener(process)
    process.on(signal, write)
  } catch (cause) {
    process.off(signal, write)
    leaveRoom?.()
    throw new SynclessError('INVALID_ARGUMENT', `dumpOnSignal() cannot listen to ${String(signal)}`, { cause })
  }
  return () => {
    process.off(signal, write)
    leaveRoom?.()
    leaveRoom = null
  }
}
