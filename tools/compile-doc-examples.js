/**
 * Compiles every ```ts block of the docstrings in src/, the guides in docs/ and the README, each as a program of its own
 * against the built package. `test/docs/doc-examples.test.ts` runs them.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const out = path.join(root, 'build/doc-examples')

/** The ```ts blocks of a text, without the comment stars. */
function blocks(text) {
  return [...text.matchAll(/^([ \t]*\*?[ \t]?)```ts\n(.*?)^\1```/gms)].map(([, prefix, body]) =>
    body
      .split('\n')
      .map(line => (line.startsWith(prefix) ? line.slice(prefix.length) : line.replace(/^[ \t]*\*$/, '')))
      .join('\n'),
  )
}

rmSync(out, { recursive: true, force: true })
mkdirSync(out, { recursive: true })
let count = 0
for (const file of sources()) {
  const text = readFileSync(path.join(root, file), 'utf8')
  const found = blocks(text.replace(/<!-- examples\/.*? -->\n\n```ts\n.*?\n```\n/gs, ''))
  found.forEach((code, index) => {
    const name = file.replace(/\.(ts|md)$/, '').replaceAll('/', '.')
    writeFileSync(path.join(out, `${name}.${index + 1}.ts`), `// from ${file}\n${code}\nexport {}\n`)
    count++
  })
}
writeFileSync(
  path.join(out, 'tsconfig.json'),
  JSON.stringify({
    extends: '../../tsconfig.base.json',
    compilerOptions: {
      rootDir: '.',
      outDir: 'js',
      noUnusedLocals: false,
      noUnusedParameters: false,
      skipLibCheck: false,
    },
  }),
)
const tsc = path.join(path.dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc')
execFileSync(process.execPath, [tsc, '-p', out], { stdio: 'inherit' })
console.log(`compiled ${count} examples of the documentation`)

function sources() {
  // The programs of README.md that come from examples/ are run by test/examples.
  const folders = ['src', 'docs'].flatMap(folder =>
    readdirSync(path.join(root, folder), { recursive: true })
      .filter(name => /\.(ts|md)$/.test(name))
      .map(name => path.posix.join(folder, name.replaceAll(path.sep, '/')))
      .sort(),
  )
  return ['README.md', ...folders]
}
