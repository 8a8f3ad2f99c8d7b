/** Round trips over two rendezvous channels between two tasklets, each in its own async context. Prints ns for one. */
import { channel, go } from 'syncless'

const [rounds] = process.argv.slice(2).map(Number)
const there = channel()
const back = channel()

function* echo(count) {
  for (let i = 0; i < count; i++) {
    yield* there.receive()
    yield* back.send(i)
  }
}

function* drive(count) {
  for (let i = 0; i < count; i++) {
    yield* there.send(i)
    yield* back.receive()
  }
}

async function run(count) {
  const started = process.hrtime.bigint()
  const echoing = go(echo, count)
  await go(drive, count)
  await echoing
  return Number(process.hrtime.bigint() - started) / count
}

await run(rounds / 10) // warm-up
console.log(await run(rounds))
