/** Writes docs/errors.md from the catalogue in src/core/base/errors.ts; `--check` fails if the two differ. Needs a build. */
import { readFileSync, writeFileSync } from 'node:fs'
import { errorCodes } from '../dist/core/base/errors.js'

const page = new URL('../docs/errors.md', import.meta.url)
const rows = Object.entries(errorCodes).map(([code, meaning]) => `| \`${code}\` | ${meaning} |`)
const written = `# Errors

Every error that the package throws is a \`SynclessError\` with a \`code\`. Match on the code: a code never
changes its meaning, but the wording of a message may. If there is an underlying error, it is the \`cause\`. The package
never wraps errors of your own code: your \`catch\` gets the object that you threw.

| code | meaning |
|---|---|
${rows.join('\n')}

The package never swallows an error. If a tasklet outside a scope fails and no caller joins it, the error is an uncaught
exception of the process. Two other errors become a process warning of the type \`SynclessWarning\`: a second failure in a
scope that is already failing, and an error that ended a channel and that no receiver got.
`
if (process.argv.includes('--check')) {
  if (readFileSync(page, 'utf8') !== written) {
    console.error('docs/errors.md differs from src/core/base/errors.ts: run npm run write-error-docs')
    process.exit(1)
  }
} else writeFileSync(page, written)
