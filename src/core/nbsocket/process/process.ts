import type { ChildProcess } from 'node:child_process'
import { constants } from 'node:os'
import type { Readable } from 'node:stream'
import { SynclessError } from '../../base/errors.js'
import { Latch, type Latched } from '../../loop/latched.js'
import type { Op } from '../../loop/op.js'
import { startTimer } from '../../ops/sleep.js'
import type { Scope } from '../../scope/scope.js'
import { type NbReader, nbreader } from '../file/reader.js'
import { type NbWriter, nbwriter } from '../file/writer.js'

/** The end of a process: by a code, or by a signal. */
export interface ExitStatus {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

class ExitLatch extends Latch<ExitStatus> {
  override external(): boolean {
    return true
  }
}

/** A started process, made by `spawnProcess`. */
export class Process {
  readonly pid: number
  /** The command, without its arguments. */
  readonly command: string
  /** The end of the process: settles for everyone who waits, early or late. The rest of its output may still be read. */
  readonly exit: Latched<ExitStatus>
  readonly #child: ChildProcess
  readonly #exit: Latch<ExitStatus>
  readonly #grace: number
  readonly #group: boolean
  readonly #stdin: NbWriter | null
  readonly #stdout: NbReader | null
  readonly #stderr: NbReader | null
  /** Whether the scope of the process is over. */
  #abandoned = false
  #stopGrace: (() => void) | null = null
  /** The time when the grace is over. */
  #forceAt = Number.POSITIVE_INFINITY

  /** @internal Use `spawnProcess`. */
  constructor(child: ChildProcess, command: string, options: { grace: number; group: boolean; limit: number }) {
    this.#child = child
    this.pid = child.pid ?? 0
    this.command = command
    this.#grace = options.grace
    this.#group = options.group
    this.#exit = new ExitLatch(`exit of "${command}"`)
    this.exit = this.#exit
    const { limit } = options
    this.#stdin = child.stdin && nbwriter(child.stdin, { name: `stdin of ${command}` })
    this.#stdout = child.stdout && nbreader(kept(child.stdout), { name: `stdout of ${command}`, limit })
    this.#stderr = child.stderr && nbreader(kept(child.stderr), { name: `stderr of ${command}`, limit })
    child.on('exit', (code, signal) => this.#ended({ code, signal }))
    // Signals that cannot be sent; the process goes on.
    child.on('error', () => {})
  }

  /** The writer to its standard input; `close()` ends the input. Throws `INVALID_ARGUMENT` if `stdin` is not `'pipe'`. */
  get stdin(): NbWriter {
    return this.#piped(this.#stdin, 'stdin')
  }

  /** The reader of its standard output. The process has to wait while nobody reads. Throws as {@link stdin} does. */
  get stdout(): NbReader {
    return this.#piped(this.#stdout, 'stdout')
  }

  /** The reader of its standard error. Throws as {@link stdin} does. */
  get stderr(): NbReader {
    return this.#piped(this.#stderr, 'stderr')
  }

  /**
   * Sends the process a signal, at once. Returns false if the process has ended. Throws `INVALID_ARGUMENT` for a signal
   * that the system does not have.
   */
  kill(signal: NodeJS.Signals = 'SIGTERM'): boolean {
    if (!Object.hasOwn(constants.signals, signal)) {
      throw new SynclessError('INVALID_ARGUMENT', `kill() takes the name of a signal, and got ${String(signal)}`)
    }
    if (this.#exit.settled) return false
    return this.#group ? signalGroup(this.pid, signal) : this.#child.kill(signal)
  }

  /**
   * Asks the process to end, at once, by SIGTERM, and after its `grace` by SIGKILL. Settles with its exit status when it
   * has ended; later calls wait for the same end. The rest of its group is not waited for. It is killed after the grace,
   * if this process lives that long.
   */
  terminate(): Op<ExitStatus> {
    if (!this.#exit.settled && this.#stopGrace === null) {
      this.kill('SIGTERM')
      this.#stopGrace = startTimer(this.#grace, () => this.kill('SIGKILL'))
      this.#forceAt = performance.now() + this.#grace
    }
    return this.exit
  }

  /** Terminates the process, and waits until it has ended: `await using child = await spawnProcess(...)`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.terminate()
  }

  /** @internal Makes the process end with `scope`. */
  belongTo(scope: Scope | null): void {
    if (scope === null) return
    const kept = { requestExit: () => this.#abandon(), blockers: () => [] }
    scope.keep(kept)
    this.#child.once('close', () => scope.letGo(kept))
  }

  #abandon(): void {
    this.#abandoned = true
    if (this.#exit.settled) this.#closePipes()
    else this.terminate()
  }

  #ended(status: ExitStatus): void {
    this.#stopGrace?.()
    this.#exit.resolve(status)
    if (this.#abandoned) this.#closePipes()
    if (this.#group && this.#stopGrace !== null) this.#sweep()
  }

  /**
   * Kills the rest of the group after the grace. It looks often: the number of a group that is gone may be given to
   * another group.
   */
  #sweep(): void {
    const left = this.#forceAt - performance.now()
    if (left <= 0) signalGroup(this.pid, 'SIGKILL')
    else if (signalGroup(this.pid, 0)) setTimeout(() => this.#sweep(), Math.min(left, 50)).unref()
  }

  /** A process that this one has left behind may hold the pipes open. */
  #closePipes(): void {
    for (const pipe of this.#child.stdio) pipe?.destroy()
  }

  #piped<T>(pipe: T | null, name: string): T {
    if (pipe !== null) return pipe
    throw new SynclessError(
      'INVALID_ARGUMENT',
      `start "${this.command}" with its ${name} as 'pipe': its ${name} is not a pipe`,
    )
  }
}

/** Keeps the unread output of a process: Node throws it away at the end of the process, unless somebody listens to it. */
function kept(output: Readable): Readable {
  return output.on('readable', () => {})
}

/** Signals a group. Returns whether a process gets the signal. */
function signalGroup(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-pid, signal)
  } catch {
    return false
  }
}
