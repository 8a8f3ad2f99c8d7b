/**
 * Fastify's own test suite, which its package brings along: every test that passes on Fastify alone passes on instances
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

/** The files of the suite, in lots for one process each. What is about servers of other kinds is left out. */
function lots(framework: string): string[][] {
  const folder = join(dirname(require.resolve(`${framework}/package.json`)), 'test')
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()
  const others = /^(build|bundler|http2|https|scripts|types)\//
  const chosen = files.filter(name => /\.test\.js$/.test(name) && !others.test(name))
  // What they count is counted in the whole process.
  const counting = chosen.filter(name => name.startsWith('diagnostics-channel/'))
  const rest = chosen.filter(name => !counting.includes(name) && (all || listens(join(folder, name))))
  const halves = [0, 1].map(half => rest.filter((_, index) => index % 2 === half))
  return all ? [...halves, ...counting.map(name => [name])] : halves
}

function listens(file: string): boolean {
  return readFileSync(file, 'utf8').includes('.listen(')
}

function run(framework: string, files: readonly string[], args: readonly string[] = []): Promise<Outcome> {
  const node = [`--test-reporter=${join(build, 'reporter.js')}`, '--test-force-exit', join(build, 'run-node-test.js')]
  const options = { maxBuffer: 1e9, timeout: 200_000, killSignal: 'SIGKILL' } as const
  return new Promise(resolve => {
    // It exits with 1 where a test has failed.
    execFile(process.execPath, [...node, ...args, framework, ...files], options, (_, stdout) => resolve(read(stdout)))
  })
}

function read(stdout: string): Outcome {
  const outcome: Outcome = { passed: new Set(), failed: new Map() }
  const times = new Map<string, number>()
  for (const line of stdout.split('\n')) {
    if (!line.startsWith('{"name":"test/')) continue
    const { name: title, why } = JSON.parse(line) as Line
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

const meant = meantTests('fastify')

test.each([{ framework: 'fastify', least: 1050 }])('the suite of $framework passes hosted', async entry => {
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
  expect([...differences.keys()].filter(name => !meant.includes(name))).not.toEqual([])
})

test('the differences that are meant are those of the documentation', () => {
  const docs = readFileSync(resolve(root, 'docs/hosting.md'), 'utf8').replaceAll(/\s+/g, ' ')
  for (const { says } of meantDifferences) expect(docs).toContain(says)
})
