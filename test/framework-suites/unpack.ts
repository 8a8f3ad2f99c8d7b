/** Lays out a framework's own suite around the framework that is installed. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'

/** The root of the package, seen from build/framework-suites. */
export const root = resolve(import.meta.dirname, '../..')

const installed = createRequire(join(root, 'package.json'))

/** The folder of the suites that `npm run fetch-suites` has fetched. */
export function archiveFile(archive: string): string {
  return join(root, 'build/suites', `${archive}.tar.gz`)
}

/**
 * The folder in which the archive's files lie as in the framework's repository, so that their `require('..')` finds the
 * framework. It is removed when the process ends.
 */
export function unpack(archive: string, framework: string): string {
  const dir = mkdtempSync(join(tmpdir(), 'syncless-suite-'))
  process.on('exit', () => rmSync(dir, { recursive: true, force: true }))
  // The tests, what they want beside them, and nothing of the framework.
  const members = ['LICENSE', 'package.json', 'test', 'examples'].map(name => `${archive}/${name}`)
  const listed = execFileSync('tar', ['-tzf', archiveFile(archive)], { encoding: 'utf8' }).split('\n')
  const wanted = members.filter(name => listed.some(file => file === name || file.startsWith(`${name}/`)))
  execFileSync('tar', ['-xzf', archiveFile(archive), '-C', dir, ...wanted])
  symlinkSync(join(root, 'node_modules'), join(dir, 'node_modules'), 'junction')
  const suite = join(dir, archive)
  const at = dirname(installed.resolve(`${framework}/package.json`))
  putModule(suite, 'index.js', `module.exports = require(${JSON.stringify(at)})`)
  if (existsSync(join(at, 'lib'))) symlinkSync(join(at, 'lib'), join(suite, 'lib'), 'junction')
  // A package of ten lines: calls back when it has been called `count` times, or with the first error.
  putModule(
    suite,
    'node_modules/after/index.js',
    `module.exports = (count, callback) => {
      let over = false
      return error => {
        if (over || (!error && --count > 0)) return
        over = true
        callback(error)
      }
    }`,
  )
  return suite
}

function putModule(suite: string, name: string, code: string): void {
  const file = join(suite, name)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, code)
}
