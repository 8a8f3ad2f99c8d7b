import { assertOptions } from '../../base/arguments.js'
import { SynclessError } from '../../base/errors.js'
import type { Co, Op } from '../../loop/op.js'
import { go } from '../../scope/go.js'
import { scope } from '../../scope/scope-block.js'
import type { ExitStatus, Process } from './process.js'
import { type SpawnProcessOptions, spawnProcess } from './spawn.js'

/** Options of {@link exec}. */
export interface ExecOptions extends Omit<SpawnProcessOptions, 'stdin' | 'stdout' | 'stderr'> {
  /** The content of its standard input. Default: nothing. */
  readonly input?: Uint8Array | string
  /** The number of bytes that its standard output and its standard error may each have. Default: 1 MiB. */
  readonly limit?: number
  /** Whether an exit code other than 0, or an end by a signal, is an error. Default: true. */
  readonly check?: boolean
}

/** The output of a process, as UTF-8, and its end. */
export interface ExecResult extends ExitStatus {
  readonly stdout: string
  readonly stderr: string
}

/** The error of {@link exec} if the process did not end with code 0. Code `PROCESS_FAILED`. */
export class ProcessFailed extends SynclessError {
  /** The end of the process, and its output until then. */
  readonly result: ExecResult

  /** @internal */
  constructor(command: string, result: ExecResult) {
    super('PROCESS_FAILED', failureText(command, result))
    this.result = result
  }
}

/** Returns the end of the standard error, which often says why. */
function failureText(command: string, { code, signal, stderr }: ExecResult): string {
  const how = signal === null ? `with code ${code}` : `by ${signal}`
  const said = stderr.trim().slice(-500)
  return `"${command}" ended ${how}${said === '' ? '' : `: ${said}`}`
}

/**
 * Runs a program to its end, without a shell, and gives its output. This is a task with a scope of its own: if the
 * waiting tasklet is killed or runs out of time, the process is terminated, and its end is awaited.
 *
 * Fails with `PROCESS_FAILED`, a {@link ProcessFailed}, if the process does not end with code 0, unless `check` is
 * false. Fails with `READ_LIMIT`, and terminates the process, if it writes more than `limit` bytes. Fails with
 * `SPAWN_FAILED` if the process cannot be started. A process that does not read its input is no error. `exec` waits also
 * for the end of the output, which a process left behind may hold open. Throws `INVALID_ARGUMENT`.
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
    // The process does not want to read it, or has ended.
    if (!isBrokenPipe(error)) throw error
  }
}

function isBrokenPipe(error: unknown): boolean {
  const { code, cause }: { code?: unknown; cause?: unknown } = Object(error)
  return ['EPIPE', 'ECONNRESET', 'SOCKET_BROKEN'].includes(String(code)) || (cause !== undefined && isBrokenPipe(cause))
}
