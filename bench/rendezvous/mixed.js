/** Uses operations of every kind, as a whole program does: code that they share is then no longer made for channels alone. */
import { always, call, channel, go, schedule, scope, select, semaphore, sleep, timeout, until } from 'syncless'

function* one() {
  return 1
}

export function* useEverything() {
  for (let i = 0; i < 1000; i++) {
    const ch = channel(4)
    yield* ch.send(1)
    yield* ch.receive().map(value => value)
    yield* ch.send(2)
    yield* timeout(1000, ch.next())
    yield* select({ value: ch.receive(), other: always(1) })
    yield* semaphore(1).acquire()
    yield* until(Promise.resolve())
    yield* call(one())
    yield* go(one)
    yield* scope(one)
    yield* schedule()
    if (i % 100 === 0) yield* sleep(1)
    // Every kind of waiter: a promise, an async iterator, a select.
    const met = channel()
    go(async () => met.receive())
    yield* met.send(1)
    go(async () => {
      for await (const _ of met);
    })
    yield* met.send(2)
    met.close()
    const chosen = channel()
    go(function* () {
      yield* select({ value: chosen.receive(), late: sleep(1000) })
    })
    yield* schedule()
    yield* chosen.send(1)
  }
}
