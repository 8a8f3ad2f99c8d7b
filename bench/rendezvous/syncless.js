/**
 * Round trips over two rendezvous channels between two tasklets, each in its own async context. Prints ns for one. With
 * `mixed` as its second argument, every other kind of operation is used first.
 */
import { channel, go } from 'syncless'
import { useEverything } from './mixed.js'

const rounds = Number(process.argv[2])
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

if (process.argv[3] === 'mixed') await go(useEverything)
await run(rounds / 10) // warm-up
console.log(await run(rounds))
