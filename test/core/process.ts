/** Runs a script on the core in a process of its own, where an uncaught exception, a signal or an exit is the result. */
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
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
  remove(): void
}

export function scripts(): Scripts {
  const folder = mkdtempSync(join(tmpdir(), 'syncless-core-'))
  const sources = resolve(__dirname, '../../src/core')
  mkdirSync(join(folder, 'core'))
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  for (const name of readdirSync(sources)) {
    if (!name.endsWith('.ts')) continue
    const { code } = transformSync(readFileSync(join(sources, name), 'utf8'), {
      jsc: { target: 'es2022', parser: { syntax: 'typescript' } },
      module: { type: 'es6' },
    })
    writeFileSync(join(folder, 'core', name.replace(/\.ts$/, '.js')), code)
  }
  let count = 0
  return {
    run: (source, env = {}, limit = 10_000) =>
      new Promise(done => {
        const file = join(folder, `script${++count}.js`)
        writeFileSync(
          file,
          `import * as core from './core/index.js'\nObject.assign(globalThis, core)\nawait null\n${source}`,
        )
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
