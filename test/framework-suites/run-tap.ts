/**
 * Runs files of Fastify 4's own suite, which is written for tap: `node build/framework-suites/run-tap.js FRAMEWORK FILE...`.
 * Prints TAP, in which each file is a test. The options are those of run-node-test.ts.
 */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { alterations } from './alter.js'
import { hostFastify } from './hosted-fastify.js'
import { root } from './unpack.js'

/** How long a file begins no test, in milliseconds, when it has begun them all. */
const QUIET = 1000

/** What is used of tap. */
interface Tap {
  test(name: string, body: (tap: Tap) => void): Promise<unknown>
  autoend(): void
  comment(text: string): void
  on(event: string, listener: () => void): void
}

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { hosted: { type: 'boolean', default: false }, alter: { type: 'string' } },
})
const [framework = '', ...files] = positionals

const require = createRequire(join(root, 'package.json'))
const at = dirname(require.resolve(`${framework}/package.json`))
if (values.hosted) hostFastify(framework, alterations[values.alter ?? ''])
process.chdir(at)

/** Whether the file has tests that begin when a server of it listens: tap does not know of them before. */
function beginsLater(file: string): boolean {
  return /^\w+\.listen\(/m.test(readFileSync(file, 'utf8'))
}

function endWhenQuiet(test: Tap): void {
  const timer = setTimeout(() => test.autoend(), QUIET)
  for (const event of ['subtestAdd', 'subtestEnd']) test.on(event, () => timer.refresh())
}

const tap = require('tap') as Tap
const tests = files.map(file =>
  tap.test(`test/${file}`, test => {
    // What a file asks of tap is for it alone.
    require.cache[require.resolve('tap')]!.exports = test
    try {
      require(join(at, 'test', file))
    } catch (error) {
      test.comment(`it wants what is not installed: ${String(error).split('\n')[0]}`)
    }
    if (beginsLater(join(at, 'test', file))) endWhenQuiet(test)
    else test.autoend()
  }),
)
// Some leave a server open, or assert outside of tests.
Promise.all(tests).finally(() => process.stdout.write('\n', () => process.exit()))
