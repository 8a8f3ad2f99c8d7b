/** Copies each `<!-- examples/NAME.ts -->` of README.md from its file; `--check` fails if the page and a file differ. */
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
    console.error('README.md differs from examples/: run npm run write-readme-examples')
    process.exit(1)
  }
} else writeFileSync(page, written)
