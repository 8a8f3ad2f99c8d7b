import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const folder = path.resolve('build/doc-examples/js')
// Some read a certificate.
const cwd = path.resolve('test/fixtures/tls')
const programs = readdirSync(folder).filter(name => name.endsWith('.js'))

test('there are examples to run', () => {
  expect(programs.length).toBeGreaterThan(20)
})

test.each(programs)('the example %s runs to its end', async name => {
  const ended = run(process.execPath, [path.join(folder, name)], { cwd, timeout: 60_000 })
  // Who asks the user gets no answer.
  ended.child.stdin?.end()
  await ended
})
