/** Each tasklet keeps the async context it was started in, whoever wakes it, and shares it with nobody. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { EventEmitter } from 'node:events'
import {
  action,
  type Co,
  call,
  channel,
  detach,
  go,
  never,
  type Op,
  Scope,
  schedule,
  scope,
  select,
  sleep,
  timeout,
  until,
} from '../../src/core/index.js'
import { idle, useVirtualClock } from './support.js'

const time = useVirtualClock()
const als = new AsyncLocalStorage<string>()

interface Wait {
  readonly op: () => Op<unknown>
  /** Wakes those that wait, in whatever context it is called. */
  wake?(): void
}

const waits: Record<string, () => Wait> = {
  receive: () => {
    const ch = channel<number>()
    return { op: () => ch.receive(), wake: () => ch.trySend(1) }
  },
  send: () => {
    const ch = channel<number>()
    return { op: () => ch.send(1), wake: () => ch.tryReceive() }
  },
  'the end of a channel': () => {
    const ch = channel<number>()
    return { op: () => ch.next(), wake: () => ch.close() }
  },
  select: () => {
    const ch = channel<number>()
    return { op: () => select({ a: ch.receive(), n: never }), wake: () => ch.trySend(1) }
  },
  sleep: () => ({ op: () => sleep(1) }),
  timeout: () => ({ op: () => timeout(1, never, { else: 0 }) }),
  schedule: () => ({ op: () => schedule() }),
  promise: () => {
    let resolve: () => void = () => {}
    const promise = new Promise<void>(done => {
      resolve = done
    })
    return { op: () => until(promise), wake: () => resolve() }
  },
  'a join': () => {
    const ch = channel<number>()
    const t = detach(function* () {
      yield* ch.receive()
    })
    return { op: () => t, wake: () => ch.trySend(1) }
  },
  'an emitter': () => {
    const emitter = new EventEmitter()
    return {
      op: () =>
        action<void>(resolve => {
          emitter.once('event', resolve)
        }),
      wake: () => void emitter.emit('event'),
    }
  },
  call: () => {
    let resolve: () => void = () => {}
    return {
      op: () =>
        call(
          () =>
            new Promise<void>(done => {
              resolve = done
            }),
        ),
      wake: () => resolve(),
    }
  },
}

test.each(Object.entries(waits))('holds across %s, woken from another context', async (_name, make) => {
  const seen: unknown[] = []
  for (const id of ['request 1', 'request 2']) {
    const { op, wake } = make()
    als.run(id, () =>
      go(function* () {
        seen.push(als.getStore())
        yield* op()
        seen.push(als.getStore())
        yield* schedule()
        seen.push(als.getStore())
      }),
    )
    await idle()
    als.run('the waker', () => wake?.())
    await als.run('the clock', () => time.clock.advance(1))
  }
  expect(seen).toEqual([...Array(3).fill('request 1'), ...Array(3).fill('request 2')])
})

test('holds in the cleanup of a killed tasklet, after its own waits too', async () => {
  const seen: unknown[] = []
  const t = als.run('request', () =>
    go(function* () {
      try {
        yield* never
      } finally {
        seen.push(als.getStore())
        yield* sleep(1)
        seen.push(als.getStore())
      }
    }),
  )
  await idle()
  als.run('the killer', () => t.kill())
  await als.run('the clock', () => time.clock.advance(1))
  expect(seen).toEqual(['request', 'request'])
})

test('holds at a raise, in the body of a scope and of a timeout, and in executors', async () => {
  const seen: unknown[] = []
  const note = () => seen.push(als.getStore())
  const t = als.run('request', () =>
    go(function* () {
      try {
        yield* never
      } catch {
        note()
      }
      yield* scope(function* () {
        note()
        yield* schedule()
        go(note)
      })
      yield* timeout(10, function* () {
        yield* schedule()
        note()
      })
      yield* action<void>(resolve => {
        note()
        resolve()
      })
      yield* go(async () => {
        await idle()
        note()
      })
    }),
  )
  await idle()
  als.run('the raiser', () => t.raise(new Error('raised')))
  await idle()
  await idle()
  await idle()
  expect(t.state).toBe('done')
  expect(seen).toEqual(Array(6).fill('request'))
})

test('is that of the start, not that of the first turn', async () => {
  const seen: unknown[] = []
  als.run('start', () => go(() => seen.push(als.getStore())))
  await als.run('drain', idle)
  expect(seen).toEqual(['start'])
})

test('a child inherits the context of the tasklet that starts it', async () => {
  const seen: unknown[] = []
  als.run('parent', () =>
    go(function* () {
      yield* schedule()
      go(() => seen.push(als.getStore()))
      als.run('inner', () => go(() => seen.push(als.getStore())))
    }),
  )
  await idle()
  expect(seen).toEqual(['parent', 'inner'])
})

test('is not shared: a hundred tasklets that wake each other keep their own', async () => {
  const ch = channel<string>()
  const wrong: unknown[] = []
  const check = (id: string) => als.getStore() === id || wrong.push([id, als.getStore()])
  for (let i = 0; i < 50; i++) {
    const [producer, consumer] = [`producer ${i}`, `consumer ${i}`]
    als.run(producer, () =>
      go(function* () {
        for (let n = 0; n < 10; n++) {
          yield* ch.send('v')
          check(producer)
        }
      }),
    )
    als.run(consumer, () =>
      go(function* (): Co<void> {
        for (let n = 0; n < 10; n++) {
          if (n % 2) yield* select({ a: ch.receive(), n: never })
          else yield* ch.receive()
          check(consumer)
        }
      }),
    )
  }
  await idle()
  expect(ch.balance).toBe(0)
  expect(wrong).toEqual([])
})

test('does not leak into what runs after a drain', async () => {
  als.run('request', () =>
    go(function* () {
      yield* schedule()
    }),
  )
  await idle()
  expect(als.getStore()).toBe(undefined)
})

test('enterWith in a tasklet does not leak into others', async () => {
  const seen: unknown[] = []
  go(function* () {
    als.enterWith('mine')
    yield* schedule()
  })
  go(function* () {
    seen.push(als.getStore())
    yield* schedule()
    seen.push(als.getStore())
  })
  await idle()
  seen.push(als.getStore())
  expect(seen).toEqual([undefined, undefined, undefined])
})

test('what is started in a held scope has the context of the one that starts it', async () => {
  const owner = new Scope()
  const seen: unknown[] = []
  als.run('starter', () => owner.go(() => seen.push(als.getStore())))
  await idle()
  expect(seen).toEqual(['starter'])
})

test('map functions and code after an await have the context of the one that performs', async () => {
  const ch = channel<number>()
  const seen: unknown[] = []
  const performed = als.run('performer', async () => {
    await ch.receive().map(() => seen.push(als.getStore()))
    seen.push(als.getStore())
  })
  await idle()
  als.run('sender', () => ch.trySend(1))
  await performed
  expect(seen).toEqual(['performer', 'performer'])
})
