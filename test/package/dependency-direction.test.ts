import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

const cases: readonly (readonly [folder: string, specifier: string, allowed: boolean])[] = [
  ['src/core', './loop.js', true],
  ['src/core', 'node:events', true],
  ['src/core', '../host/index.js', false],
  ['src/core', '../adapters/port.js', false],
  ['src/core', '../testing/index.js', false],
  ['src/core', 'express', false],
  ['src/core/nbsocket', '../loop.js', true],
  ['src/core/nbsocket', '../../host/index.js', false],
  ['src/stackless', '../core/loop.js', true],
  ['src/stackless', '../host/index.js', false],
  ['src/stackless', 'rxjs', false],
  ['src/host', '../core/loop.js', true],
  ['src/host', '../adapters/port.js', true],
  ['src/host', '../adapters/registry.js', true],
  ['src/host', '../adapters/express/host-port.js', false],
  ['src/host', 'fastify', false],
  ['src/adapters', '../core/channel.js', true],
  ['src/adapters', '../host/index.js', false],
  ['src/adapters/rx', '../../core/channel.js', true],
  ['src/adapters/rx', '../port.js', true],
  ['src/adapters/rx', './y.js', true],
  ['src/adapters/rx', '../stream/index.js', false],
  ['src/adapters/rx', '../../host/index.js', false],
  ['src/adapters/rx', '../../adapters/stream/index.js', false],
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
