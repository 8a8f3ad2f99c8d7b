/**
 * Frameworks' own test suites, as tools/fetch-suites.js has fetched them: every test that passes on the framework alone passes on the hosted app. The suites are
 * run in processes of their own, as Node loads them; the hosts are those of the build.
 */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { promisify } from 'node:util'
import { meantTests } from './meant.js'
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

interface Suite {
  readonly archive: string
  readonly framework: string
  /** How its servers come to be hosts. */
  readonly way: '--hosted' | '--servers'
  /** How many of its tests pass, at the least. */
  readonly least: number
}

/**
 * The tests that pass alone, and why those of them fail that do so twice in a host. The suites are older than the
 * frameworks: what fails alone is of another release, and is left out.
 */
async function compare({ archive, framework, way }: Suite, ...args: string[]) {
  const bare = await run(archive, framework, [])
  // On another release of Node than a test was written for it may fail alone, too.
  const meant = meantTests(framework).filter(name => bare.passed.includes(name))
  const skip = [...Object.keys(bare.failed), ...meant]
  const hosted = await run(archive, framework, skip, way, '--timeout', '20000', ...args)
  const names = [...bare.passed, ...Object.keys(bare.failed)]
  const again = async (suspects: readonly string[], timeout: string) => {
    const others = names.filter(name => !suspects.includes(name))
    return suspects.length === 0 ? null : await run(archive, framework, others, way, '--timeout', timeout, ...args)
  }
  const second = await again(Object.keys(hosted.failed), '20000')
  hosted.passed.push(...(second?.passed ?? []))
  const asMeant = await again(meant, '500')
  const differences = { ...second?.failed, ...passing(meant, asMeant) }
  return { bare, hosted, differences, meant }
}

/** What is meant to fail, and does not. */
function passing(meant: readonly string[], report: Report | null): Record<string, string> {
  const names = meant.filter(name => report?.failed[name] === undefined)
  return Object.fromEntries(names.map(name => [name, 'it is meant to fail']))
}

/** A suite that could not be had is left out, and named as skipped. */
function testOf(archive: string) {
  return existsSync(resolve(root, `build/suites/${archive}.tar.gz`)) ? test : test.skip
}

describe.each<Suite>([
  { archive: 'express-4.18.2', framework: 'express4', way: '--hosted', least: 1150 },
  { archive: 'express-4.18.2', framework: 'express', way: '--hosted', least: 950 },
  { archive: 'connect-3.7.0', framework: 'connect', way: '--hosted', least: 44 },
  { archive: 'ws-8.18.1', framework: 'ws', way: '--servers', least: 400 },
])('$archive', suite => {
  testOf(suite.archive)(`passes on the hosted ${suite.framework}`, async () => {
    const { bare, hosted, differences, meant } = await compare(suite)
    expect(differences).toEqual({})
    expect([...hosted.passed, ...meant].sort()).toEqual([...bare.passed].sort())
    expect(bare.passed.length).toBeGreaterThanOrEqual(suite.least)
    expect(hosted.open).toBe(0)
    // Some of Express's examples want packages that are not installed.
    expect(Object.keys(bare.unloaded).filter(file => !file.startsWith('test/acceptance/'))).toEqual([])
  })
})

testOf('connect-3.7.0').each(['hides the query', 'leaves the status alone', 'has its own 404 page'])(
  'a host that %s is found out',
  async alteration => {
    const connect = { archive: 'connect-3.7.0', framework: 'connect', way: '--hosted', least: 44 } as const
    const { differences } = await compare(connect, '--alter', alteration)
    expect(Object.keys(differences)).not.toEqual([])
  },
)
