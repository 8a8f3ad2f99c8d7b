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

/** How a process ended: with a code, or by a signal. */
export interface ExitStatus {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

class ExitLatch extends Latch<ExitStatus> {
  override external(): boolean {
    return true
  }
}

/** A process that was started, made by `spawnProcess`. */
export class Process {
  readonly pid: number
  /** The command, without its arguments. */
  readonly command: string
  /** Settles when the process has ended, for everyone who waits, early or late. What it has written may still be read. */
  readonly exit: Latched<ExitStatus>
  readonly #child: ChildProcess
  readonly #exit: Latch<ExitStatus>
  readonly #grace: number
  readonly #group: boolean
  readonly #stdin: NbWriter | null
  readonly #stdout: NbReader | null
  readonly #stderr: NbReader | null
  /** Whether its scope is over. */
  #abandoned = false
  #stopGrace: (() => void) | null = null
  /** When the grace is over. */
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

  /** Writes to its standard input; `close()` ends it. Throws `INVALID_ARGUMENT` where `stdin` is no `'pipe'`. */
  get stdin(): NbWriter {
    return this.#piped(this.#stdin, 'stdin')
  }

  /** Reads its standard output, which holds the process back while nobody reads. Throws as {@link stdin} does. */
  get stdout(): NbReader {
    return this.#piped(this.#stdout, 'stdout')
  }

  /** Reads its standard error. Throws as {@link stdin} does. */
  get stderr(): NbReader {
    return this.#piped(this.#stderr, 'stderr')
  }

  /**
   * Sends it a signal, at once; false where it has ended. Throws `INVALID_ARGUMENT` for a signal that the system does not
   * have.
   */
  kill(signal: NodeJS.Signals = 'SIGTERM'): boolean {
    if (!Object.hasOwn(constants.signals, signal)) {
      throw new SynclessError('INVALID_ARGUMENT', `kill() takes the name of a signal, and got ${String(signal)}`)
    }
    if (this.#exit.settled) return false
    return this.#group ? signalGroup(this.pid, signal) : this.#child.kill(signal)
  }

  /**
   * Asks it to end, at once, by SIGTERM, and after its `grace` by SIGKILL. Gives how it ended, when it has; repeats wait for
   * the same. What then is left of its group is not waited for, and is killed after the grace, if this process lives so long.
   */
  terminate(): Op<ExitStatus> {
    if (!this.#exit.settled && this.#stopGrace === null) {
      this.kill('SIGTERM')
      this.#stopGrace = startTimer(this.#grace, () => this.kill('SIGKILL'))
      this.#forceAt = performance.now() + this.#grace
    }
    return this.exit
  }

  /** Terminates it, and waits until it has ended: `await using child = await spawnProcess(...)`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.terminate()
  }

  /** @internal It ends with `scope`. */
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

  /** Kills what stays of the group after the grace. It looks often: the number of a group that is gone may be another's. */
  #sweep(): void {
    const left = this.#forceAt - performance.now()
    if (left <= 0) signalGroup(this.pid, 'SIGKILL')
    else if (signalGroup(this.pid, 0)) setTimeout(() => this.#sweep(), Math.min(left, 50)).unref()
  }

  /** A process that it has left behind may hold them open. */
  #closePipes(): void {
    for (const pipe of this.#child.stdio) pipe?.destroy()
  }

  #piped<T>(pipe: T | null, name: string): T {
    if (pipe !== null) return pipe
    throw new SynclessError('INVALID_ARGUMENT', `${name} of "${this.command}" is no pipe: it was not asked for`)
  }
}

/** When a process ends, Node throws away what was not read of its output, unless somebody listens to it. */
function kept(output: Readable): Readable {
  return output.on('readable', () => {})
}

/** Whether there is anybody who gets it. */
function signalGroup(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-pid, signal)
  } catch {
    return false
  }
}
