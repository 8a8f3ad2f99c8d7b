/**
 * Runs files of Fastify's own suite, which is written for node:test: `node --test-reporter=build/framework-suites/reporter.js
 * build/framework-suites/run-node-test.js FRAMEWORK FILE...`. Prints reports as JSON lines: each test by its file and name.
 *
 *     --hosted        every instance has a host
 *     --alter NAME    the host does something wrong (alter.ts)
 */
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { alterations } from './alter.js'
import { hostFastify } from './hosted-fastify.js'
import { root } from './unpack.js'

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { hosted: { type: 'boolean', default: false }, alter: { type: 'string' } },
})
const [framework = '', ...files] = positionals

const require = createRequire(join(root, 'package.json'))
const at = dirname(require.resolve(`${framework}/package.json`))
if (values.hosted) hostFastify(framework, alterations[values.alter ?? ''])
process.chdir(at)

for (const file of files) {
  try {
    require(join(at, 'test', file))
  } catch (error) {
    process.stdout.write(`${JSON.stringify({ file, unloaded: String(error).split('\n')[0] })}\n`)
  }
}
