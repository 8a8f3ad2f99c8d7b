/** Runs a script on the core in a process of its own, where an uncaught exception, a signal or an exit is the result. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { transformSync } from '@swc/core'

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface Scripts {
  /** `source` is a module; everything that the core exports is in scope. It is ended after `limit` ms. */
  run(source: string, env?: NodeJS.ProcessEnv, limit?: number): Promise<Ended>
  /** Starts it with pipes, or in a terminal, whose output is then all in `stdout`. */
  start(source: string, terminal?: boolean): ChildProcessWithoutNullStreams
  /** Writes it to a file, and gives its path. */
  write(source: string): string
  remove(): void
}

/** With `nbsocket`, what that exports is in scope under this name. */
export function scripts(options: { nbsocket?: boolean } = {}): Scripts {
  const folder = mkdtempSync(join(tmpdir(), 'syncless-core-'))
  const sources = resolve(__dirname, '../../src/core')
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  for (const name of readdirSync(sources, { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.ts') || (name.startsWith('nbsocket') && options.nbsocket !== true)) continue
    const { code } = transformSync(readFileSync(join(sources, name), 'utf8'), {
      jsc: { target: 'es2022', parser: { syntax: 'typescript' } },
      module: { type: 'es6' },
    })
    const file = join(folder, 'core', name.replace(/\.ts$/, '.js'))
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, code)
  }
  const nbsocket = options.nbsocket ? "import * as nbsocket from './core/nbsocket/index.js'\n" : ''
  let count = 0
  const write = (source: string): string => {
    const file = join(folder, `script${++count}.js`)
    writeFileSync(
      file,
      `${nbsocket}import * as core from './core/index.js'\nObject.assign(globalThis, core)\nawait null\n${source}`,
    )
    return file
  }
  return {
    write,
    start: (source, terminal = false) => {
      const file = write(source)
      return terminal
        ? spawn('script', ['-qec', `'${process.execPath}' '${file}'`, '/dev/null'])
        : spawn(process.execPath, [file])
    },
    run: (source, env = {}, limit = 10_000) =>
      new Promise(done => {
        const file = write(source)
        const child = spawn(process.execPath, ['--expose-gc', file], {
          timeout: limit,
          env: { ...process.env, ...env },
        })
        let stdout = ''
        let stderr = ''
        child.stdout.on('data', data => {
          stdout += data
        })
        child.stderr.on('data', data => {
          stderr += data
        })
        child.on('close', (code, signal) => done({ code, signal, stdout: stdout.trim(), stderr }))
      }),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}
