/**
 * What blocked tasklets take, and whether a million rounds of spawning, killing and losing leave anything behind:
 * `node bench/memory/run.js`. Every measurement runs in a process of its own. Needs `npm run build`.
 */
import { execFileSync } from 'node:child_process'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const COUNT = 1_000_000
const here = fileURLToPath(new URL('.', import.meta.url))

function measure(script, kind) {
  const args = ['--expose-gc', '--max-old-space-size=4096', path.join(here, script), kind, String(COUNT)]
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }))
}

console.log(`node ${process.version}, ${COUNT} of each`)
for (const kind of ['one channel for all', 'a channel each', 'one channel, in a scope', 'asleep']) {
  const [first, later] = measure('blocked.js', kind)
  console.log(`blocked, ${kind}: ${first.toFixed(0)} bytes each, ${later.toFixed(0)} after collections`)
}
for (const kind of ['spawn and kill', 'lose a select']) {
  const [before, after] = measure('cycles.js', kind)
  console.log(`${kind}: ${before} bytes before, ${after} after`)
}
