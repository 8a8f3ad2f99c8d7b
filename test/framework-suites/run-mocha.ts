/**
 * Runs a framework's own mocha suite: `node build/framework-suites/run-mocha.js ARCHIVE FRAMEWORK`, on any Node. The last
 * line that it prints is a report as JSON.
 *
 *     --hosted        every server that is made is a host, its listener mounted as an app
 *     --servers       every server that is made is one that a host gives
 *     --alter NAME    the host does something wrong (alter.ts)
 *     --skip NAMES    the tests with these names, a list as JSON, are not run
 *     --timeout MS    how long a test may take
 */
import { existsSync, readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { alterations } from './alter.js'
import { hostAllApps, hostAllServers, leftOpen } from './hosted-server.js'
import type { Report } from './report.js'
import { root, unpack } from './unpack.js'

/** What is used of mocha; its types would clash with those of jest. */
interface Test {
  readonly state?: 'passed' | 'failed'
  pending: boolean
  fullTitle(): string
}
interface Mocha {
  files: string[]
  readonly suite: { eachTest(visit: (test: Test) => void): void }
  loadFiles(): void
  run(done: () => void): { on(event: 'fail', listener: (test: Test, error: Error) => void): void }
}

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    hosted: { type: 'boolean', default: false },
    servers: { type: 'boolean', default: false },
    alter: { type: 'string' },
    skip: { type: 'string', default: '[]' },
    timeout: { type: 'string', default: '2000' },
  },
})
const [archive = '', framework = ''] = positionals

const suite = unpack(archive, framework)
process.chdir(suite)
if (values.servers) hostAllServers()
else if (values.hosted) hostAllApps(alterations[values.alter ?? ''])

const require = createRequire(join(root, 'package.json'))
const { default: Mocha } = (await import('mocha' as string)) as { default: new (options: object) => Mocha }
const mocha = new Mocha({ checkLeaks: true, timeout: Number(values.timeout), reporter: class {} })
const report: Report = { passed: [], failed: {}, unloaded: {}, open: 0 }

if (existsSync(join(suite, 'test/support/env.js'))) require(join(suite, 'test/support/env.js'))
for (const folder of ['test', 'test/acceptance']) {
  for (const name of list(folder)) load(`${folder}/${name}`)
}

const tests = new Map<string, Test>()
mocha.suite.eachTest(test => {
  const title = test.fullTitle()
  for (let time = 1; ; time++) {
    const name = time === 1 ? title : `${title} (${time})`
    if (tests.has(name)) continue
    tests.set(name, test)
    return
  }
})
for (const name of JSON.parse(values.skip) as string[]) tests.get(name)!.pending = true

const errors = new Map<Test, Error>()
const runner = mocha.run(async () => {
  for (const [name, test] of tests) {
    if (test.state === 'passed') report.passed.push(name)
    if (test.state === 'failed') report.failed[name] = String(errors.get(test)?.stack)
  }
  report.open = await leftOpen()
  process.stdout.write(`\n${JSON.stringify(report)}\n`, () => process.exit())
})
runner.on('fail', (test, error) => errors.set(test, error))

function list(folder: string): string[] {
  const at = join(suite, folder)
  return existsSync(at) ? readdirSync(at).filter(isTest) : []
}

/** Where the tests of a suite have names that end so, other files are not. */
function isTest(name: string, _: number, all: readonly string[]): boolean {
  return name.endsWith(all.some(other => other.endsWith('.test.js')) ? '.test.js' : '.js')
}

/** Takes the tests of a file in, unless it wants a package that is not installed. */
function load(file: string): void {
  mocha.files = [join(suite, file)]
  try {
    mocha.loadFiles()
  } catch (error) {
    report.unloaded[file] = String(error).split('\n')[0] ?? ''
  }
}
