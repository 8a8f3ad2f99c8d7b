/** The heap before and after many rounds of something: `node --expose-gc cycles.js KIND ROUNDS` prints both, in bytes. */
import { channel, go, never, schedule, select } from 'syncless'
import { heapUsed } from './heap.js'

const slow = channel()
const fast = channel(1)

function* receiver() {
  yield* slow.receive()
}

const kinds = {
  *'spawn and kill'(rounds) {
    for (let n = 0; n < rounds; n++) {
      const tasklet = go(receiver)
      yield* schedule()
      yield* tasklet.kill()
    }
  },
  *'lose a select'(rounds) {
    const producer = go(function* () {
      for (let n = 0; n < rounds; n++) yield* fast.send(n)
    })
    for (let n = 0; n < rounds; n++) yield* select({ slow: slow.receive(), fast: fast.receive(), never })
    yield* producer
  },
}

const [kind, rounds] = process.argv.slice(2)
await go(kinds[kind], Number(rounds) / 5) // warm-up
const before = heapUsed()
await go(kinds[kind], Number(rounds))
console.log(JSON.stringify([before, heapUsed()]))
