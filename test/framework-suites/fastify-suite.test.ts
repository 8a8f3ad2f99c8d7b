/**
 * Fastify's own test suites, which its packages bring along: every test that passes on Fastify alone passes on instances
 * that have a host. Here are the files that listen; with ALL_SUITES=1 in the environment all others, too.
 */
import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { meantDifferences, meantTests } from './meant.js'

jest.setTimeout(600_000)

const root = resolve(__dirname, '../..')
const build = join(root, 'build/framework-suites')
const all = process.env.ALL_SUITES !== undefined

interface Line {
  readonly name: string
  /** Why it has failed. */
  readonly why?: string
}

/** What came of some files: the tests that passed, and why the others did not. */
interface Outcome {
  readonly passed: Set<string>
  readonly failed: Map<string, string>
}

/** Most of these tests wait, for a client or for a timeout. */
const LOTS = 6

/** A test in here that shows a difference that is meant never ends. */
const endless = /^reply-error\.test\.js$/

/** The files of the suite, in lots for one process each. What is about servers of other kinds is left out. */
function lots(framework: string): string[][] {
  const folder = join(dirname(require.resolve(`${framework}/package.json`)), 'test')
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()
  const others = /^(build|bundler|http2|https|scripts|types)\//
  const chosen = files.filter(name => {
    if (framework === 'fastify4' && endless.test(name)) return false
    return /\.test\.js$/.test(name) && !others.test(name)
  })
  // What they count is counted in the whole process.
  const counting = chosen.filter(name => name.startsWith('diagnostics-channel/'))
  const rest = chosen.filter(name => !counting.includes(name) && (all || listens(join(folder, name))))
  const shares = Array.from({ length: LOTS }, (_, lot) => rest.filter((_, index) => index % LOTS === lot))
  return all ? [...shares, ...counting.map(name => [name])] : shares
}

function listens(file: string): boolean {
  return readFileSync(file, 'utf8').includes('.listen(')
}

function run(framework: string, files: readonly string[], args: readonly string[] = []): Promise<Outcome> {
  const nodeTest = [
    `--test-reporter=${join(build, 'reporter.js')}`,
    '--test-force-exit',
    join(build, 'run-node-test.js'),
  ]
  const [program, read] = framework === 'fastify4' ? [[join(build, 'run-tap.js')], readTap] : [nodeTest, readLines]
  const options = { maxBuffer: 1e9, timeout: 200_000, killSignal: 'SIGKILL' } as const
  return new Promise(resolve => {
    // It exits with 1 where a test has failed.
    execFile(process.execPath, [...program, ...args, framework, ...files], options, (_, stdout) =>
      resolve(read(stdout)),
    )
  })
}

function readLines(stdout: string): Outcome {
  const lines = stdout.split('\n').filter(line => line.startsWith('{"name":"test/'))
  return outcome(lines.map(line => JSON.parse(line) as Line))
}

/** The tests in TAP, each of which begins with its name; other lines are what they assert. */
function readTap(stdout: string): Outcome {
  const results: Line[] = []
  const path: string[] = []
  for (const line of stdout.split('\n')) {
    const depth = line.search(/\S/) / 4
    const [, begun] = /^ *# Subtest: (.*)$/.exec(line) ?? []
    if (begun !== undefined) path.splice(depth, path.length, begun)
    const [, not, ended] = /^ *(not )?ok \d+ - (.*?)(?: # .*)?$/.exec(line) ?? []
    if (ended === undefined || depth === 0 || path[depth] !== ended) continue
    const name = `${path[0]}: ${path.slice(1, depth + 1).join(' > ')}`
    results.push(not === undefined ? { name } : { name, why: 'not ok' })
    path.length = depth
  }
  return outcome(results)
}

/** Names that come again are numbered. */
function outcome(lines: readonly Line[]): Outcome {
  const outcome: Outcome = { passed: new Set(), failed: new Map() }
  const times = new Map<string, number>()
  for (const { name: title, why } of lines) {
    const time = (times.get(title) ?? 0) + 1
    times.set(title, time)
    const name = time === 1 ? title : `${title} (${time})`
    if (why === undefined) outcome.passed.add(name)
    else outcome.failed.set(name, why)
  }
  return outcome
}

/** The tests that pass alone, and why those of them fail that do so in a host. */
async function compare(framework: string, files: readonly string[], args: readonly string[] = []) {
  const [bare, hosted] = await Promise.all([run(framework, files), run(framework, files, ['--hosted', ...args])])
  const differences = new Map<string, string>()
  for (const name of bare.passed) {
    if (!hosted.passed.has(name)) differences.set(name, hosted.failed.get(name) ?? 'it did not come to an end')
  }
  return { passed: [...bare.passed], differences }
}

test.each([
  { framework: 'fastify4', least: 780 },
  { framework: 'fastify', least: 1050 },
])('the suite of $framework passes hosted', async entry => {
  const meant = meantTests(entry.framework)
  const results = await Promise.all(lots(entry.framework).map(files => compare(entry.framework, files)))
  const passed = results.flatMap(({ passed }) => passed)
  const differences = new Map(results.flatMap(({ differences }) => [...differences]))
  expect([...differences.keys()].filter(name => meant.includes(name)).sort()).toEqual([...meant].sort())
  for (const name of meant) differences.delete(name)
  // What fails once more is no accident of a busy machine.
  const suspects = new Set([...differences.keys()].map(name => name.replace(/^test\/(.*?\.js): .*$/s, '$1')))
  if (suspects.size > 0) {
    const again = await run(entry.framework, [...suspects], ['--hosted'])
    for (const name of again.passed) differences.delete(name)
  }
  expect(Object.fromEntries(differences)).toEqual({})
  expect(passed.length).toBeGreaterThanOrEqual(entry.least)
})

test.each(['hides the query', 'leaves the status alone'])('a host that %s is found out', async alteration => {
  const files = ['404s.test.js', 'find-route.test.js', 'custom-querystring-parser.test.js']
  const { differences } = await compare('fastify', files, ['--alter', alteration])
  expect([...differences.keys()].filter(name => !meantTests('fastify').includes(name))).not.toEqual([])
})

test('the differences that are meant are those of the documentation', () => {
  const docs = readFileSync(resolve(root, 'docs/hosting.md'), 'utf8').replaceAll(/\s+/g, ' ')
  for (const { says } of meantDifferences) expect(docs).toContain(says)
})
