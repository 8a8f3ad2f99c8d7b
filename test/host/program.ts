/** Programs that run in a process of their own, on the sources as Node loads them: signals and exit codes need that. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { transformSync } from '@swc/core'

export interface Program {
  readonly child: ChildProcess
  readonly exit: Promise<number | null>
  /** Resolves with the group, or the whole, of what it has written to stdout, or will, that matches. */
  said(pattern: RegExp): Promise<string>
  /** As `said`, on stderr. */
  warned(pattern: RegExp): Promise<string>
  /** The whole of its stdout, once it has ended. */
  output(): Promise<string>
  /** The whole of its stderr, once it has ended. */
  all(): Promise<string>
}

/** Sets up a folder for the tests of a file; gives what runs a program in which `createHost`, `host` and `say` exist. */
export function programs(): (body: string, hostOptions?: string) => Program {
  const dir = mkdtempSync(join(tmpdir(), 'syncless-run-'))
  const children: ChildProcess[] = []
  let count = 0

  beforeAll(() => {
    writeFileSync(join(dir, 'package.json'), '{ "type": "module" }')
    symlinkSync(join(__dirname, '../../node_modules'), join(dir, 'node_modules'))
    const src = join(__dirname, '../../src')
    for (const name of readdirSync(src, { recursive: true, encoding: 'utf8' })) {
      if (!name.endsWith('.ts')) continue
      const target = join(dir, 'src', name.replace(/\.ts$/, '.js'))
      mkdirSync(dirname(target), { recursive: true })
      const options = { jsc: { target: 'es2022', parser: { syntax: 'typescript' } }, module: { type: 'es6' } } as const
      writeFileSync(target, transformSync(readFileSync(join(src, name), 'utf8'), options).code)
    }
  })

  afterAll(() => {
    for (const child of children) child.kill('SIGKILL')
    rmSync(dir, { recursive: true })
  })

  return (body, hostOptions = '') => {
    const file = join(dir, `program-${++count}.js`)
    writeFileSync(
      file,
      `import { createHost } from './src/host/index.js'
      const host = createHost(${hostOptions})
      const say = text => process.stdout.write(text + '\\n')
      ${body}`,
    )
    const child = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'pipe'] })
    children.push(child)
    const [stdout, stderr] = [new Output(child.stdout), new Output(child.stderr)]
    return {
      child,
      exit: new Promise(resolve => child.once('exit', resolve)),
      said: pattern => stdout.match(pattern),
      warned: pattern => stderr.match(pattern),
      output: () => stdout.whole(),
      all: () => stderr.whole(),
    }
  }
}

class Output {
  #text = ''
  #wake = () => {}
  readonly #ended: Promise<void>

  constructor(stream: NodeJS.ReadableStream) {
    this.#ended = new Promise(resolve => stream.once('close', resolve))
    stream.setEncoding('utf8').on('data', chunk => {
      this.#text += chunk
      this.#wake()
    })
  }

  async whole(): Promise<string> {
    await this.#ended
    return this.#text
  }

  async match(pattern: RegExp): Promise<string> {
    for (;;) {
      const found = this.#text.match(pattern)
      if (found !== null) return found[1] ?? found[0]
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    }
  }
}
