/**
 * The examples of the documentation run to their ends. They share processes, so that the packages are loaded once. An
 * example that does not run to its end in company has a process of its own, and has to do it there.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync } from 'node:fs'
import path from 'node:path'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'

const TIMEOUT = 60_000
/** Some wait most of the time. */
const SHARES = 3

const folder = path.resolve('build/doc-examples/js')
// Some read a certificate.
const cwd = path.resolve('test/fixtures/tls')
const programs = examples()
const ended = new Set<string>()

/** The programs that `npm run compile-doc-examples` takes out of the documentation. */
function examples(): string[] {
  if (!existsSync(folder))
    throw new Error(`run \`npm run compile-doc-examples\` first: it makes the programs in ${folder}`)
  return readdirSync(folder).filter(name => name.endsWith('.js'))
}

/** The exit code of a process, and what it wrote to its descriptors 2 and 3. */
async function node(...args: string[]): Promise<{ code: number | null; errors: string; told: string }> {
  // A program that asks the user gets no answer.
  const stdio = ['ignore', 'ignore', 'pipe', 'pipe'] as const
  const child = spawn(process.execPath, args, { cwd, stdio: [...stdio], timeout: TIMEOUT, killSignal: 'SIGKILL' })
  const [errors, told, [code]] = await Promise.all([
    text(child.stderr as Readable),
    text(child.stdio[3] as Readable),
    once(child, 'close'),
  ])
  return { code, errors, told }
}

/** Runs programs in one process, and after one that ends it the rest in another. */
async function together(files: readonly string[]): Promise<void> {
  for (let rest = files; rest.length > 0; ) {
    const { code, told } = await node(path.resolve('test/docs/run-examples.js'), ...rest)
    const done = told.split('\n').filter(file => file !== '')
    // A deadlock is found when the process exits: whose it is, nobody knows.
    if (code !== 0 && done.length === rest.length) return
    for (const file of done) ended.add(file)
    rest = rest.slice(done.length + 1)
  }
}

beforeAll(async () => {
  const files = programs.map(name => path.join(folder, name))
  const shares = Array.from({ length: SHARES }, (_, share) => files.filter((_, index) => index % SHARES === share))
  await Promise.all(shares.map(together))
}, 4 * TIMEOUT)

test('there are examples to run', () => {
  expect(programs.length).toBeGreaterThan(20)
})

test('most of them share a process', () => {
  expect(programs.length - ended.size).toBeLessThan(30)
})

test.each(programs)('the example %s runs to its end', async name => {
  const file = path.join(folder, name)
  if (ended.has(file)) return
  const { code, errors } = await node(file)
  if (code !== 0) throw new Error(`it ended with ${code}:\n${errors}`)
})
