/**
 * Each small program runs on its framework alone and in a host, driven by the same bytes; what the client gets and what
 * the app sees must be the same. The corpus runs in a process of its own, as Node loads it, from the build.
 */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { promisify } from 'node:util'
import { meantDifferences } from './meant.js'

jest.setTimeout(300_000)

const root = resolve(__dirname, '../..')

interface Verdict {
  readonly program: string
  readonly arrangement: string
  readonly differences: string[]
}

/** The exit code and what was printed. */
async function run(...args: string[]): Promise<{ code: number; lines: string[] }> {
  const program = [resolve(root, 'build/host-diff/run.js'), ...args]
  const ended = promisify(execFile)(process.execPath, program, { cwd: root, maxBuffer: 1e9 })
  const { code, stdout } = await ended.then(
    ({ stdout }) => ({ code: 0, stdout }),
    (error: { code: number; stdout: string }) => error,
  )
  return { code, lines: stdout.trim().split('\n') }
}

test('hosted apps do what they do alone', async () => {
  const { code, lines } = await run('--json')
  const verdicts = lines.map(line => JSON.parse(line) as Verdict)
  expect(verdicts.filter(({ differences }) => differences.length > 0)).toEqual([])
  expect(code).toBe(0)
  const programs = new Set(verdicts.map(({ program }) => program))
  expect(programs.size).toBeGreaterThanOrEqual(400)
})

test.each(['adds a header', 'swallows an event', 'rewrites the path', 'answers later'])(
  'a host that %s is found out',
  async alteration => {
    const { code, lines } = await run('--only', 'Express 5, r', '--alter', alteration)
    expect(lines.at(-1)).toMatch(/^\d+ runs, [1-9]\d* of them differ/)
    expect(code).toBe(0)
  },
)

test('the differences that are meant are those of the documentation', () => {
  const docs = readFileSync(resolve(root, 'docs/hosting.md'), 'utf8').replaceAll(/\s+/g, ' ')
  for (const { says } of meantDifferences) expect(docs).toContain(says)
})
