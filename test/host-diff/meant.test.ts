import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { meantDifferences } from './meant.js'

test('the differences that are meant are those of the documentation', () => {
  const docs = readFileSync(resolve(__dirname, '../../docs/hosting.md'), 'utf8').replaceAll(/\s+/g, ' ')
  for (const { says } of meantDifferences) expect(docs).toContain(says)
})
