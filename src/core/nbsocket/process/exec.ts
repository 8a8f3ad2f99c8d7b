import { assertOptions } from '../../base/arguments.js'
import { SynclessError } from '../../base/errors.js'
import type { Co, Op } from '../../loop/op.js'
import { go } from '../../scope/go.js'
import { scope } from '../../scope/scope-block.js'
import type { ExitStatus, Process } from './process.js'
import { type SpawnProcessOptions, spawnProcess } from './spawn.js'

/** Options of {@link exec}. */
export interface ExecOptions extends Omit<SpawnProcessOptions, 'stdin' | 'stdout' | 'stderr'> {
  /** What its standard input is. Default: nothing. */
  readonly input?: Uint8Array | string
  /** How many bytes each of its standard output and its standard error may have. Default 1 MiB. */
  readonly limit?: number
  /** Whether an exit code other than 0, or an end by a signal, is an error. Default true. */
  readonly check?: boolean
}

/** What a process has written, as UTF-8, and how it ended. */
export interface ExecResult extends ExitStatus {
  readonly stdout: string
  readonly stderr: string
}

/** Thrown by {@link exec} where the process did not end with code 0. Code `PROCESS_FAILED`. */
export class ProcessFailed extends SynclessError {
  /** How it ended, and what it had written until then. */
  readonly result: ExecResult

  /** @internal */
  constructor(command: string, result: ExecResult) {
    super('PROCESS_FAILED', failureText(command, result))
    this.result = result
  }
}

/** The end of what it wrote to its standard error often says why. */
function failureText(command: string, { code, signal, stderr }: ExecResult): string {
  const how = signal === null ? `with code ${code}` : `by ${signal}`
  const said = stderr.trim().slice(-500)
  return `"${command}" ended ${how}${said === '' ? '' : `: ${said}`}`
}

/**
 * Runs a program to its end, without a shell, and gives what it has written. This is a task with a scope of its own: where the
 * one who waits for it is killed or runs out of time, the process is terminated, and its end is awaited.
 *
 * Fails with `PROCESS_FAILED`, a {@link ProcessFailed}, where the process does not end with code 0, unless `check` is false;
 * with `READ_LIMIT` where it writes more than `limit` bytes, and terminates it; with `SPAWN_FAILED` where it cannot be
 * started. A process that does not read its input is no error. Waits also for the end of its output, which a process that it
 * leaves behind may hold open. Throws `INVALID_ARGUMENT`.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { exec, ProcessFailed } from 'syncless/nbsocket'
 *
 * const { stdout } = await exec('tr', ['a-z', 'A-Z'], { input: 'hello' })
 * assert.equal(stdout, 'HELLO')
 *
 * await assert.rejects(
 *   async () => exec('ls', ['/nowhere']),
 *   error => error instanceof ProcessFailed && error.result.code !== 0 && /nowhere/.test(error.message),
 * )
 * ```
 */
export function exec(command: string, args: readonly string[] = [], options: ExecOptions = {}): Op<ExecResult> {
  assertOptions('exec()', options)
  const { input, check = true, ...spawning } = options
  const stdin = input === undefined ? 'ignore' : 'pipe'
  const start = spawnProcess(command, args, { ...spawning, stdin })
  return scope(function* exec() {
    const child = yield* start
    if (input !== undefined) go(give, child, input)
    const output = go(readAll, child, 'stdout')
    const errors = go(readAll, child, 'stderr')
    const result = { ...(yield* child.exit), stdout: yield* output, stderr: yield* errors }
    if (check && result.code !== 0) throw new ProcessFailed(command, result)
    return result
  })
}

function* readAll(child: Process, from: 'stdout' | 'stderr'): Co<string> {
  return yield* child[from].text().readAll()
}

function* give(child: Process, input: Uint8Array | string): Co<void> {
  try {
    yield* child.stdin.write(input)
    yield* child.stdin.close()
  } catch (error) {
    // It does not want to read it, or has ended.
    if (!isBrokenPipe(error)) throw error
  }
}

function isBrokenPipe(error: unknown): boolean {
  const { code, cause }: { code?: unknown; cause?: unknown } = Object(error)
  return ['EPIPE', 'ECONNRESET', 'SOCKET_BROKEN'].includes(String(code)) || (cause !== undefined && isBrokenPipe(cause))
}
