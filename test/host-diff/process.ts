/** The corpus in a process of its own, as Node loads it, from the build. */
import { execFile } from 'node:child_process'
import { resolve } from 'node:path'
import { promisify } from 'node:util'

const root = resolve(__dirname, '../..')

interface Verdict {
  readonly program: string
  readonly arrangement: string
  readonly differences: string[]
}

/** The exit code and the lines that were printed. */
export async function run(...args: string[]): Promise<{ code: number; lines: string[] }> {
  const program = [resolve(root, 'build/host-diff/run.js'), ...args]
  const ended = promisify(execFile)(process.execPath, program, { cwd: root, maxBuffer: 1e9 })
  const { code, stdout } = await ended.then(
    ({ stdout }) => ({ code: 0, stdout }),
    (error: { code: number; stdout: string }) => error,
  )
  return { code, lines: stdout.trim().split('\n') }
}

/** Runs the programs of one framework: how many there are, and what was different without being meant. */
export async function verdicts(framework: string): Promise<{ programs: number; different: Verdict[]; code: number }> {
  const { code, lines } = await run('--json', '--only', `${framework} `)
  const all = lines.map(line => JSON.parse(line) as Verdict)
  const different = all.filter(({ differences }) => differences.length > 0)
  return { programs: new Set(all.map(({ program }) => program)).size, different, code }
}
