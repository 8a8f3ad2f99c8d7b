import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

// Copies of the built package, in a folder from which no framework can be found.
const root = mkdtempSync(path.join(tmpdir(), 'syncless-package-'))

beforeAll(() => {
  for (const home of ['node_modules/syncless', 'node_modules/other/node_modules/syncless']) {
    mkdirSync(path.join(root, home), { recursive: true })
    cpSync('package.json', path.join(root, home, 'package.json'))
    cpSync('dist', path.join(root, home, 'dist'), { recursive: true })
  }
  writeFileSync(path.join(root, 'node_modules/other/index.mjs'), "export { go } from 'syncless'\n")
})

afterAll(() => rmSync(root, { recursive: true }))

function run(name: string, program: string): string {
  writeFileSync(path.join(root, name), program)
  return execFileSync(process.execPath, [name], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

test('import and require give the same loop', () => {
  const program = `
    const required = require('syncless')
    import('syncless').then(async imported => {
      const ch = required.channel()
      imported.go(function* () { yield* ch.send('over') })
      console.log(required.go === imported.go, await ch.receive())
    })`
  expect(run('both.cjs', program)).toBe('true over\n')
})

test('the nbsockets are on that loop, and nothing of theirs is loaded without them', () => {
  const program = `
    const core = require('syncless')
    const before = process.moduleLoadList.some(name => /NativeModule (tls|dgram|child_process)$/.test(name))
    const required = require('syncless/nbsocket')
    import('syncless/nbsocket').then(async imported => {
      const [left, right] = await imported.socketPair()
      core.go(function* () { yield* left.send('over'); left.close() })
      console.log(before, required.listen === imported.listen, String(await right.recv()))
      right.close()
    })`
  expect(run('nbsocket.cjs', program)).toBe('false true over\n')
})

test.each([
  'syncless',
  'syncless/emitter',
  'syncless/event-target',
  'syncless/express',
  'syncless/fastify',
  'syncless/host',
  'syncless/worker',
  'syncless/iterator',
  'syncless/nbsocket',
  'syncless/socket.io',
  'syncless/stackless',
  'syncless/stream',
  'syncless/testing',
  'syncless/web',
  'syncless/ws',
])('%s loads no framework', subpath => {
  expect(run('alone.mjs', `import * as all from '${subpath}'; console.log(Object.keys(all).length > 0)`)).toBe('true\n')
})

test.each([
  ['syncless/rx', 'rxjs'],
  ['syncless/otel', '@opentelemetry/api'],
])('%s needs %s, and nothing else does', (subpath, peer) => {
  expect(() => run('peer.mjs', `import '${subpath}'`)).toThrow(`Cannot find package '${peer}'`)
})

test('syncless/worker needs piscina for pools of threads only, and says so', () => {
  const program = `
    import { threadPool } from 'syncless/worker'
    const pool = threadPool()
    await pool.run(() => 1, []).then(null, ({ code, message }) => console.log(code, message))
    await pool.destroy()`
  expect(run('pool.mjs', program)).toBe('PACKAGE_MISSING threadPool() needs the package piscina: npm install piscina\n')
})

test('a second loaded copy is detected and named', () => {
  const program = `
    process.on('warning', ({ code, message }) => console.log(code, message))
    await import('syncless')
    await import('other')`
  writeFileSync(
    path.join(root, 'node_modules/other/package.json'),
    JSON.stringify({ name: 'other', type: 'module', exports: './index.mjs' }),
  )
  const output = run('copies.mjs', program)
  expect(output).toMatch(/^DUPLICATE_PACKAGE /)
  expect(output).toContain('node_modules/other/node_modules/syncless/')
})
