import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'

/** A program of examples/ in a process of its own. */
export class Program implements AsyncDisposable {
  readonly child: ChildProcess
  output = ''

  constructor(name: string, args: readonly string[] = [], env: NodeJS.ProcessEnv = { PORT: '0' }) {
    this.child = spawn(process.execPath, [path.resolve('build/examples', name), ...args], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.output += text
        this.child.emit('output')
      })
    }
  }

  /** Waits until the program has printed something that matches; fails if it ends before. */
  async printed(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.output)
      if (match !== null) return match
      if (this.child.exitCode !== null) throw new Error(`it ended without printing ${pattern}:\n${this.output}`)
      await Promise.race([once(this.child, 'output'), once(this.child, 'close')])
    }
  }

  /** The address it says it listens on. */
  async url(): Promise<string> {
    const [, port] = await this.printed(/http:\/\/localhost:(\d+)/)
    return `http://127.0.0.1:${port}`
  }

  /** Its exit code, when it has ended. */
  async ended(): Promise<number | null> {
    if (this.child.exitCode === null && this.child.signalCode === null) await once(this.child, 'close')
    return this.child.exitCode
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill('SIGKILL')
    await this.ended()
  }
}
