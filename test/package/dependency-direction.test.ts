import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

const cases: readonly (readonly [folder: string, specifier: string, allowed: boolean])[] = [
  ['src/core/base', './y.js', true],
  ['src/core/base', '../loop/y.js', false],
  ['src/core/loop', '../base/y.js', true],
  ['src/core/loop', '../tasklet/y.js', false],
  ['src/core/ops', '../loop/y.js', true],
  ['src/core/ops', '../tasklet/y.js', false],
  ['src/core/tasklet', '../ops/y.js', true],
  ['src/core/tasklet', '../scope/y.js', false],
  ['src/core/debug', '../tasklet/y.js', true],
  ['src/core/debug', '../scope/y.js', false],
  ['src/core/channel', '../tasklet/y.js', true],
  ['src/core/channel', '../scope/y.js', false],
  ['src/core/scope', '../debug/y.js', true],
  ['src/core/scope', '../channel/y.js', false],
  ['src/core/base', 'node:events', true],
  ['src/core/base', 'express', false],
  ['src/core/scope', '../nbsocket/socket/y.js', false],
  ['src/core', './scope/y.js', true],
  ['src/core', '../host/index.js', false],
  ['src/core', '../adapters/port.js', false],
  ['src/core', '../testing/index.js', false],
  ['src/core', 'express', false],
  ['src/core/nbsocket/bytes', '../../loop/y.js', true],
  ['src/core/nbsocket/bytes', '../file/y.js', false],
  ['src/core/nbsocket/file', '../bytes/y.js', true],
  ['src/core/nbsocket/file', '../socket/y.js', false],
  ['src/core/nbsocket/socket', '../file/y.js', true],
  ['src/core/nbsocket/socket', '../dns/y.js', false],
  ['src/core/nbsocket/process', '../file/y.js', true],
  ['src/core/nbsocket/process', '../socket/y.js', false],
  ['src/core/nbsocket/dns', '../bytes/y.js', true],
  ['src/core/nbsocket/dns', '../socket/y.js', false],
  ['src/core/nbsocket', './socket/y.js', true],
  ['src/core/nbsocket', '../../host/index.js', false],
  ['src/adapters', '../core/channel/y.js', true],
  ['src/adapters', '../host/index.js', false],
  ['src/adapters/shared/bridge', '../../../core/loop/y.js', true],
  ['src/adapters/shared/bridge', '../bytes/y.js', false],
  ['src/adapters/shared/bytes', '../../../core/base/y.js', true],
  ['src/adapters/shared/bytes', '../bridge/y.js', false],
  ['src/adapters/shared/http', '../bridge/y.js', true],
  ['src/adapters/shared/http', '../../express/y.js', false],
  ['src/adapters/rx', '../../core/channel/y.js', true],
  ['src/adapters/rx', '../port.js', true],
  ['src/adapters/rx', '../shared/bridge/y.js', true],
  ['src/adapters/rx', './y.js', true],
  ['src/adapters/rx', '../stream/index.js', false],
  ['src/adapters/rx', '../../host/index.js', false],
  ['src/adapters/rx', '../../adapters/stream/index.js', false],
  ['src/host/transport', '../../adapters/port.js', true],
  ['src/host/transport', '../request/y.js', false],
  ['src/host/memory', '../../core/loop/y.js', true],
  ['src/host/memory', '../transport/y.js', false],
  ['src/host/answer', '../transport/y.js', true],
  ['src/host/answer', '../request/y.js', false],
  ['src/host/request', '../answer/y.js', true],
  ['src/host/request', '../mounts/y.js', false],
  ['src/host/stages', '../request/y.js', true],
  ['src/host/stages', '../mounts/y.js', false],
  ['src/host/mounts', '../stages/y.js', true],
  ['src/host/mounts', '../dispatch/y.js', false],
  ['src/host/dispatch', '../mounts/y.js', true],
  ['src/host/dispatch', '../operations/y.js', false],
  ['src/host/operations', '../dispatch/y.js', true],
  ['src/host/operations', '../embedding/y.js', false],
  ['src/host/embedding', '../dispatch/y.js', true],
  ['src/host/embedding', '../operations/y.js', false],
  ['src/host/transport', '../../adapters/express/host-port.js', false],
  ['src/host/transport', 'fastify', false],
  ['src/host', './dispatch/y.js', true],
  ['src/host', '../adapters/port.js', true],
  ['src/host', '../adapters/registry.js', true],
  ['src/host', '../adapters/fetch/fetch-handler.js', true],
  ['src/host', '../adapters/express/host-port.js', false],
  ['src/host', 'fastify', false],
  ['src/stackless', '../core/loop/y.js', true],
  ['src/stackless', './world/y.js', true],
  ['src/stackless', '../host/index.js', false],
  ['src/stackless', 'rxjs', false],
  ['src/stackless/world', '../../core/loop/y.js', true],
  ['src/stackless/world', '../tasklet.js', false],
]

/** The project's lint rules, run on one file a case in a tree of its own; gives the names of the files refused. */
function refusedFiles(): Set<string> {
  const root = mkdtempSync(path.join(tmpdir(), 'syncless-direction-'))
  try {
    const { vcs: _, ...config } = JSON.parse(readFileSync('biome.json', 'utf8'))
    writeFileSync(path.join(root, 'biome.json'), JSON.stringify(config))
    cases.forEach(([folder, specifier], index) => {
      mkdirSync(path.join(root, folder), { recursive: true })
      writeFileSync(path.join(root, folder, `case-${index}.ts`), `import '${specifier}'\n`)
    })
    const biome = path.resolve('node_modules/.bin/biome')
    const args = ['lint', '--only=style/noRestrictedImports', '--max-diagnostics=none', '--reporter=github', '.']
    const { stdout } = spawnSync(biome, args, { cwd: root, encoding: 'utf8' })
    return new Set([...stdout.matchAll(/case-\d+\.ts/g)].map(([name]) => name))
  } finally {
    rmSync(root, { recursive: true })
  }
}

const refused = refusedFiles()

test.each(cases.map((row, index) => [...row, `case-${index}.ts`] as const))(
  'a file in %s that imports %s: allowed is %s',
  (_folder, _specifier, allowed, name) => {
    expect(!refused.has(name)).toBe(allowed)
  },
)
