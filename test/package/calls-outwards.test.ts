/** The tables of the READMEs beside the sources name a test for each row, and sources that exist. */
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'

const readmes = ['src/core/README.md', 'src/host/README.md', 'src/adapters/README.md']
const rows = readmes.flatMap(readme => {
  const [, ...tables] = readFileSync(readme, 'utf8').split(/^## (?=Calls outwards|What is kept)/m)
  return tables.flatMap(table =>
    table
      .split('\n')
      .filter(line => line.startsWith('| ') && !line.startsWith('| what '))
      .map(line => [path.dirname(readme), line] as const),
  )
})

test.each(rows)('%s: %s', (folder, row) => {
  const tests = [...row.matchAll(/`(test\/[\w./-]+)`/g)].map(([, name]) => name ?? '')
  expect(tests.length).toBeGreaterThan(0)
  for (const name of tests) expect([name, existsSync(`${name}.test.ts`)]).toEqual([name, true])
  const sources = [...row.matchAll(/`([\w./-]+\.ts)`/g)].map(([, name]) => name ?? '')
  for (const source of sources) expect([source, existsSync(path.join(folder, source))]).toEqual([source, true])
})

test('there is a table for each part', () => {
  expect(rows.length).toBeGreaterThan(25)
})
