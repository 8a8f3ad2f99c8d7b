/**
 * Fetches the test suites of other projects for `npm run framework-suites`: the upstream sources that Debian publishes, by
 * apt's own client and by checksum, into build/suites. Fastify's suites come with its npm packages.
 *
 *     --all    fails if a suite cannot be had; else it is named, and left out
 */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const suites = {
  'express-4.18.2': {
    source: 'node-express/node-express_4.18.2+~4.17.14.orig.tar.gz',
    sha256: 'a9ace1a92a2b0a7e3fcd7a7612553d6208a464561c15ad38f349fc3ab0d7cda0',
  },
  'connect-3.7.0': {
    source: 'node-connect/node-connect_3.7.0+~3.4.35.orig.tar.gz',
    sha256: '5cba1b899d8d95fc82e45d7c7abee013a38f560edbb8729b0861148a77bfedfa',
  },
  'ws-8.18.1': {
    source: 'node-ws/node-ws_8.18.1+~cs14.18.2.orig.tar.gz',
    sha256: 'f80308e18245a666ebfe76c8ce6180485ea608f182af2dfb2c08773b591c7bcb',
  },
}

const folder = fileURLToPath(new URL('../build/suites', import.meta.url))
mkdirSync(folder, { recursive: true })

let missing = 0
for (const [name, { source, sha256 }] of Object.entries(suites)) {
  const file = path.join(folder, `${name}.tar.gz`)
  if (existsSync(file) && hashOf(file) === sha256) continue
  rmSync(file, { force: true })
  try {
    const got = `${file}.part`
    const args = ['download-file', `${archive()}pool/main/n/${source}`, got, `SHA256:${sha256}`]
    execFileSync('/usr/lib/apt/apt-helper', args, { encoding: 'utf8', stdio: 'pipe', timeout: 60_000 })
    renameSync(got, file)
    console.log(`fetched the suite ${name}`)
  } catch (error) {
    missing++
    console.log(`left out the suite ${name}: ${reason(error)}`)
  }
}
if (missing > 0 && process.argv.includes('--all')) process.exit(1)

function hashOf(file) {
  return createHash('sha256').update(readFileSync(file)).digest('hex')
}

/** The Debian archive that this machine's packages come from. */
function archive() {
  const args = ['indextargets', '--format', '$(ORIGIN) $(REPO_URI)', 'Created-By: Packages', 'Component: main']
  const lines = execFileSync('apt-get', args, { encoding: 'utf8', stdio: 'pipe' }).split('\n')
  const found = lines.map(line => /^Debian (.*)$/.exec(line)?.[1]).find(uri => uri && !uri.includes('security'))
  if (found === undefined) throw new Error("this machine's packages do not come from Debian")
  return found
}

function reason(error) {
  if (error.code === 'ENOENT') return 'there is no apt here'
  return String(error.stderr ?? error.message)
    .trim()
    .split('\n')
    .at(-1)
}
