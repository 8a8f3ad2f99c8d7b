/** Writes docs/errors.md from the catalogue in src/core/base/errors.ts; `--check` fails where the two differ. Needs a build. */
import { readFileSync, writeFileSync } from 'node:fs'
import { errorCodes } from '../dist/core/base/errors.js'

const page = new URL('../docs/errors.md', import.meta.url)
const rows = Object.entries(errorCodes).map(([code, meaning]) => `| \`${code}\` | ${meaning} |`)
const written = `# Errors

Every error that the package throws is a \`SynclessError\` with a \`code\`. Match on the code: it never changes its meaning,
while the wording of a message may. Where there is an underlying error, it is the \`cause\`. Errors of your own code are
never wrapped: the object that you threw is the one that is caught.

| code | meaning |
|---|---|
${rows.join('\n')}

What has nowhere to go is never swallowed. A tasklet outside a scope that fails without being joined is an uncaught
exception of the process; a second failure in a scope that is failing already, or an error that a channel ended with and
nobody received, is a process warning of the type \`SynclessWarning\`.
`
if (process.argv.includes('--check')) {
  if (readFileSync(page, 'utf8') !== written) {
    console.error('docs/errors.md differs from src/core/base/errors.ts: run node tools/error-docs.js')
    process.exit(1)
  }
} else writeFileSync(page, written)
