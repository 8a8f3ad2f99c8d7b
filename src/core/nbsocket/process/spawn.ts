import { type ChildProcess, type SpawnOptions as NodeOptions, spawn } from 'node:child_process'
import { assertOptions } from '../../base/arguments.js'
import { SynclessError } from '../../base/errors.js'
import { Node, type Op } from '../../loop/op.js'
import { assertDuration } from '../../ops/sleep.js'
import { currentScope } from '../../scope/current-scope.js'
import type { Scope } from '../../scope/scope.js'
import { assertSize } from '../file/reader.js'
import { Process } from './process.js'

/** The kind of a standard stream: a pipe, nothing, or the stream of this process. */
export type StdioKind = 'pipe' | 'ignore' | 'inherit'

/** Options of {@link spawnProcess}. */
export interface SpawnProcessOptions {
  /** The folder in which the process runs. Default: that of this process. */
  readonly cwd?: string | URL
  /** The environment of the process. Default: that of this process. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** The standard input. Default: `'pipe'`. */
  readonly stdin?: StdioKind
  /** The standard output. Default: `'pipe'`. */
  readonly stdout?: StdioKind
  /** The standard error. Default: `'pipe'`. */
  readonly stderr?: StdioKind
  /** The time from SIGTERM to SIGKILL, in ms. Default: 5000. */
  readonly grace?: number
  /**
   * Whether signals go to the process and to everything that it has started, unless that has left its group. Default:
   * false.
   */
  readonly group?: boolean
  /** The limit of the readers of its output, in bytes; see `nbreader`. Default: 1 MiB. */
  readonly limit?: number
}

/** Starts the process; commits when it has started. */
class SpawnNode extends Node<Process> {
  readonly #command: string
  /** The folder, for a message of the system that may mean the program or the folder. */
  readonly #where: string
  readonly #start: () => ChildProcess
  readonly #make: (child: ChildProcess) => Process
  #withdraw: () => void = () => {}

  constructor(command: string, where: string, start: () => ChildProcess, make: (child: ChildProcess) => Process) {
    super()
    this.#command = command
    this.#where = where
    this.#start = start
    this.#make = make
  }

  describe(): string {
    return `start of "${this.#command}"`
  }

  poll(): boolean {
    return false
  }

  override external(): boolean {
    return true
  }

  protected link(): void {
    try {
      const scope = currentScope()
      if (scope?.ended)
        throw new SynclessError('SCOPE_CLOSED', `start the process in another scope: ${scope.name} has ended`)
      this.#watch(this.#start(), scope)
    } catch (error) {
      this.fail(error instanceof SynclessError ? error : this.#failure(error))
    }
  }

  protected unlink(): void {
    this.#withdraw()
  }

  #watch(child: ChildProcess, scope: Scope | null): void {
    const started = () => {
      child.off('error', failed)
      try {
        const made = this.#make(child)
        made.belongTo(scope)
        this.complete(made)
      } catch (error) {
        child.kill('SIGKILL')
        this.fail(error)
      }
    }
    const failed = (error: Error) => {
      child.off('spawn', started)
      this.fail(this.#failure(error))
    }
    child.once('spawn', started).once('error', failed)
    this.#withdraw = () => {
      child.off('spawn', started).off('error', failed)
      child.on('error', () => {})
      child.kill('SIGKILL')
      for (const pipe of child.stdio) pipe?.destroy()
    }
  }

  #failure(cause: unknown): SynclessError {
    const { message }: { message?: unknown } = Object(cause)
    const what = `"${this.#command}" could not be started${this.#where}`
    return new SynclessError('SPAWN_FAILED', `${what}: ${String(message)}`, { cause })
  }
}

/**
 * Starts a process: a program with its arguments, without a shell. Settles when the process has started. Fails with
 * `SPAWN_FAILED` if it cannot start; Node's error is the cause. Its standard streams are readers and writers, its end is
 * the operation `exit`.
 *
 * The process belongs to the scope in which it is started. When the last tasklet of the scope is gone, the process is
 * terminated (SIGTERM, and SIGKILL after `grace`). The scope ends when the process has ended. Cleanup of the scope's
 * tasklets may still use the process. In the root scope a process lives until it ends or is killed. Throws
 * `INVALID_ARGUMENT` for wrong options.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { scope } from 'syncless'
 * import { spawnProcess } from 'syncless/nbsocket'
 *
 * await scope(function* () {
 *   const sort = yield* spawnProcess('sort', ['-n'])
 *   yield* sort.stdin.write('10\n9\n')
 *   yield* sort.stdin.close()
 *   assert.equal(yield* sort.stdout.text().readAll(), '9\n10\n')
 *   assert.deepEqual(yield* sort.exit, { code: 0, signal: null })
 * })
 * ```
 */
export function spawnProcess(
  command: string,
  args: readonly string[] = [],
  options: SpawnProcessOptions = {},
): Op<Process> {
  return processOp(command, args, options, child => new Process(child, command, limits(options)))
}

/** @internal Starts a process; `make` makes its value. */
export function processOp<P extends Process>(
  command: string,
  args: readonly string[],
  options: SpawnProcessOptions,
  make: (child: ChildProcess) => P,
): Op<P> {
  assertCommand(command, args)
  limits(options)
  assertSpawning(options)
  const { cwd, env, stdin = 'pipe', stdout = 'pipe', stderr = 'pipe', group = false } = options
  const node: NodeOptions = { stdio: [stdin, stdout, stderr], detached: group }
  if (cwd !== undefined) node.cwd = cwd
  if (env !== undefined) node.env = { ...env }
  const where = cwd === undefined ? '' : ` in ${String(cwd)}`
  return new SpawnNode(command, where, () => spawn(command, args, node), make) as Op<Process> as Op<P>
}

/** @internal Throws `INVALID_ARGUMENT` for wrong options. */
export function limits(options: SpawnProcessOptions): { grace: number; group: boolean; limit: number } {
  assertOptions('a process', options)
  const { grace = 5000, limit = 1024 * 1024, group = false } = options
  assertDuration(grace, 'the grace of a process')
  if (limit !== Number.POSITIVE_INFINITY) assertSize(limit, 1, 'the limit of a process')
  return { grace, group, limit }
}

function assertCommand(command: unknown, args: unknown): void {
  const texts = Array.isArray(args) && args.every(arg => typeof arg === 'string')
  if (typeof command === 'string' && command !== '' && texts) return
  throw new SynclessError('INVALID_ARGUMENT', 'a process takes the name of a program and a list of arguments')
}

const KINDS: readonly unknown[] = ['pipe', 'ignore', 'inherit', undefined]

/** Throws `INVALID_ARGUMENT` for values that Node would take for something else. */
function assertSpawning({ cwd, env, stdin, stdout, stderr, group }: SpawnProcessOptions): void {
  const refuse = (what: string, value: unknown) => {
    throw new SynclessError('INVALID_ARGUMENT', `a process takes ${what}, and got ${String(value)}`)
  }
  for (const kind of [stdin, stdout, stderr]) {
    if (!KINDS.includes(kind)) refuse("'pipe', 'ignore' or 'inherit' for each of its standard streams", kind)
  }
  if (cwd !== undefined && typeof cwd !== 'string' && !(cwd instanceof URL)) refuse('a path or a URL as its cwd', cwd)
  if (env !== undefined) assertOptions('the env of a process', env)
  if (group !== undefined && typeof group !== 'boolean') refuse('true or false as its group', group)
}
