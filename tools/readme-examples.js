/**
 * Keeps the programs that README.md shows equal to the files they come from: `node tools/readme-examples.js` writes them
 * in below each `<!-- examples/NAME.ts -->`; with `--check` it fails where the page and the files differ.
 */
import { readFileSync, writeFileSync } from 'node:fs'

const page = new URL('../README.md', import.meta.url)
const text = readFileSync(page, 'utf8')
const written = text.replace(
  /<!-- (examples\/[\w-]+\.ts) -->\n(\n```ts\n.*?\n```\n)?/gs,
  (_match, file) =>
    `<!-- ${file} -->\n\n\`\`\`ts\n${readFileSync(new URL(`../${file}`, import.meta.url), 'utf8')}\`\`\`\n`,
)
if (process.argv.includes('--check')) {
  if (written !== text) {
    console.error('README.md differs from examples/: run node tools/readme-examples.js')
    process.exit(1)
  }
} else writeFileSync(page, written)
