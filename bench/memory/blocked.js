/**
 * The heap that each of many blocked tasklets takes: `node --expose-gc blocked.js KIND COUNT` prints the bytes of one, at
 * first and when it has waited through garbage collections, from when on the registry of tasklets holds it weakly.
 */
import { channel, go, Scope, schedule, sleep } from 'syncless'
import { heapUsed } from './heap.js'

function* receiver(ch) {
  yield* ch.receive()
}

/** Each starts `count` tasklets and returns what keeps them. */
const kinds = {
  'one channel for all'(count) {
    const ch = channel()
    for (let i = 0; i < count; i++) go(receiver, ch)
    return ch
  },
  /** The channel counts with its tasklet. */
  'a channel each'(count) {
    return Array.from({ length: count }, () => go(receiver, channel()))
  },
  'one channel, in a scope'(count) {
    const scope = new Scope()
    const ch = channel()
    for (let i = 0; i < count; i++) scope.go(receiver, ch)
    return [scope, ch]
  },
  /** The timer of Node counts with its tasklet. */
  asleep(count) {
    for (let i = 0; i < count; i++) go(() => sleep(600_000))
    return null
  },
}

async function start(kind, count) {
  const kept = kinds[kind](count)
  await go(() => schedule()) // Its turn comes when all of them have had theirs, and wait.
  return kept
}

/** Lets collections and what follows them pass, until they change nothing more. */
async function settle() {
  let [before, now] = [0, heapUsed()]
  while (now > before * 1.001) {
    for (let turn = 0; turn < 2500; turn++) await new Promise(resolve => setImmediate(resolve))
    before = now
    now = heapUsed()
  }
}

const [kind, count] = process.argv.slice(2)
const kept = [await start(kind, 1000)] // warm-up
const before = heapUsed()
const each = () => (heapUsed() - before) / Number(count)
kept.push(await start(kind, Number(count)))
const first = each()
await settle()
process.stdout.write(`${JSON.stringify([first, each()])}\n`, () => process.exit(kept.length - 2))
