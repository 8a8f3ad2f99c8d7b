/**
 * How long a rendezvous takes, against Go's unbuffered channels and Effect's queues: `node bench/rendezvous/run.js`.
 * Every contender runs in a process of its own, the rounds interleaved, so that all see the same noise; what counts is
 * the ratio of the medians. Needs `npm run build`; Go is left out where it is not installed (Debian: golang-go).
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const ROUNDS = 7
const here = fileURLToPath(new URL('.', import.meta.url))
const work = mkdtempSync(path.join(tmpdir(), 'syncless-bench-'))

const contenders = {
  syncless: () => measure(process.execPath, [path.join(here, 'syncless.js'), '1000000']),
  'syncless, mixed': () => measure(process.execPath, [path.join(here, 'syncless.js'), '1000000', 'mixed']),
  effect: () => measure(process.execPath, [path.join(here, 'effect.js'), '100000']),
}
const go = path.join(work, 'go')
if (spawnSync('go', ['build', '-o', go, path.join(here, 'main.go')]).status === 0) {
  contenders.go = () => measure(go, ['1000000'], { GOMAXPROCS: '1' })
} else console.log('go is not installed, and left out')

function measure(program, args, env = {}) {
  return Number(execFileSync(program, args, { env: { ...process.env, ...env }, encoding: 'utf8' }))
}

const times = Object.fromEntries(Object.keys(contenders).map(name => [name, []]))
for (let round = 1; round <= ROUNDS; round++) {
  for (const [name, run] of Object.entries(contenders)) times[name].push(run())
  process.stderr.write(`round ${round} of ${ROUNDS}\r`)
}
rmSync(work, { recursive: true })

const median = list => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)]
console.log(`rendezvous round trip, node ${process.version}, ${ROUNDS} rounds`)
for (const [name, list] of Object.entries(times)) {
  const ratio = median(list) / median(times.syncless)
  console.log(
    `${name.padEnd(15)} median ${median(list).toFixed(0).padStart(6)} ns   ` +
      `(${Math.min(...list).toFixed(0)} to ${Math.max(...list).toFixed(0)})   ${ratio.toFixed(2)} x syncless`,
  )
}
