/** The same round trips over two of Effect's queues (capacity 1: it has no rendezvous) between two fibers. */
import { Effect, Fiber, Queue } from 'effect'

const [rounds] = process.argv.slice(2).map(Number)

const trips = count =>
  Effect.gen(function* () {
    const there = yield* Queue.bounded(1)
    const back = yield* Queue.bounded(1)
    const echo = yield* Effect.forkChild(
      Effect.gen(function* () {
        for (let i = 0; i < count; i++) {
          yield* Queue.take(there)
          yield* Queue.offer(back, i)
        }
      }),
    )
    for (let i = 0; i < count; i++) {
      yield* Queue.offer(there, i)
      yield* Queue.take(back)
    }
    yield* Fiber.join(echo)
  })

async function run(count) {
  const started = process.hrtime.bigint()
  await Effect.runPromise(trips(count))
  return Number(process.hrtime.bigint() - started) / count
}

await run(rounds / 10) // warm-up
console.log(await run(rounds))
