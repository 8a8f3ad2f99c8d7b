/**
 * Frameworks' own test suites: every test that passes on the framework alone passes on the hosted app. The suites are
 * run in processes of their own, as Node loads them; the hosts are those of the build.
 */
import { execFile } from 'node:child_process'
import { resolve } from 'node:path'
import { promisify } from 'node:util'
import type { Report } from './report.js'

jest.setTimeout(300_000)

const root = resolve(__dirname, '../..')

/** The report of a suite. What is left out by `skip` is not run. */
async function run(archive: string, framework: string, skip: readonly string[], ...args: string[]): Promise<Report> {
  const program = resolve(root, 'build/framework-suites/run-mocha.js')
  const all = [program, archive, framework, '--skip', JSON.stringify(skip), ...args]
  const { stdout } = await promisify(execFile)(process.execPath, all, { maxBuffer: 1e9 })
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '')
}

/**
 * The tests that pass alone, and why those of them fail that do so twice in a host. The suites are older than the
 * frameworks: what fails alone is of another release, and is left out.
 */
async function compare(archive: string, framework: string, ...args: string[]) {
  const bare = await run(archive, framework, [])
  const hosted = await run(archive, framework, Object.keys(bare.failed), '--hosted', '--timeout', '20000', ...args)
  const suspects = Object.keys(hosted.failed)
  let differences = hosted.failed
  if (suspects.length > 0 && args.length === 0) {
    const others = [...bare.passed, ...Object.keys(bare.failed)].filter(name => !suspects.includes(name))
    const again = await run(archive, framework, others, '--hosted', '--timeout', '20000')
    differences = again.failed
    hosted.passed.push(...again.passed)
  }
  return { bare, hosted, differences }
}

test.each([
  { archive: 'express-4.18.2', framework: 'express4', least: 1150 },
  { archive: 'express-4.18.2', framework: 'express', least: 950 },
  { archive: 'connect-3.7.0', framework: 'connect', least: 44 },
])('the suite $archive passes on the hosted $framework', async ({ archive, framework, least }) => {
  const { bare, hosted, differences } = await compare(archive, framework)
  expect(differences).toEqual({})
  expect([...hosted.passed].sort()).toEqual([...bare.passed].sort())
  expect(bare.passed.length).toBeGreaterThanOrEqual(least)
  expect(hosted.open).toBe(0)
  // Some of Express's examples want packages that are not installed.
  expect(Object.keys(bare.unloaded).filter(file => !file.startsWith('test/acceptance/'))).toEqual([])
})

test.each(['hides the query', 'leaves the status alone', 'has its own 404 page'])(
  'a host that %s is found out',
  async alteration => {
    const { differences } = await compare('connect-3.7.0', 'connect', '--alter', alteration)
    expect(Object.keys(differences)).not.toEqual([])
  },
)
