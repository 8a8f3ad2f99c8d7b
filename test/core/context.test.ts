/** Each tasklet keeps the async context it was started in, whoever wakes it, and shares it with nobody. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { EventEmitter } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { PassThrough, Readable, Writable } from 'node:stream'
import * as stream from '../../src/adapters/stream/index.js'
import {
  action,
  all,
  broadcast,
  type Channel,
  type Co,
  call,
  channel,
  deferred,
  detach,
  event,
  go,
  never,
  type Op,
  type Permit,
  perform,
  race,
  Scope,
  schedule,
  scope,
  select,
  semaphore,
  sleep,
  type Tasklet,
  timeout,
  until,
} from '../../src/core/index.js'
import { idle, turn, useVirtualClock } from './support.js'

const time = useVirtualClock()
const als = new AsyncLocalStorage<string>()

interface Wait {
  readonly op: () => Op<unknown>
  /** Wakes those that wait, in whatever context it is called. */
  wake?(): void
  close?(): void
}

function receiving(make: (ch: Channel<number>) => Op<unknown>): Wait {
  const ch = channel<number>()
  return { op: () => make(ch), wake: () => ch.trySend(1) }
}

/** An action that a callback settles; `start` is given that callback. */
function calledBack(start: (done: () => void) => unknown, wake: () => void): Wait {
  return { op: () => action<void>(resolve => void start(resolve)), wake }
}

function withEmitter(make: (emitter: EventEmitter) => Op<unknown>): Wait {
  const emitter = new EventEmitter()
  return { op: () => make(emitter), wake: () => void emitter.emit('event', 1) }
}

function withPromise(make: (promise: Promise<void>) => Op<unknown>): Wait {
  let wake: () => void = () => {}
  const promise = new Promise<void>(resolve => {
    wake = resolve
  })
  return { op: () => make(promise), wake: () => wake() }
}

/** A socket whose peer sends back what it gets, on a real connection. */
function withSocket(make: (socket: Socket) => Op<unknown>): Wait {
  const socket = connect((echo.address() as AddressInfo).port, '127.0.0.1')
  return { op: () => make(socket), wake: () => void socket.write('ping'), close: () => socket.destroy() }
}

function child(ch: Channel<number>) {
  return function* (): Co<number> {
    return yield* ch.receive()
  }
}

const waits: Record<string, () => Wait> = {
  receive: () => receiving(ch => ch.receive()),
  next: () => receiving(ch => ch.next().map(step => step.value)),
  send: () => {
    const ch = channel<number>()
    return { op: () => ch.send(1), wake: () => ch.tryReceive() }
  },
  'a send on a full channel': () => {
    const ch = channel<number>(1)
    ch.trySend(1)
    return { op: () => ch.send(2), wake: () => ch.tryReceive() }
  },
  'the end of a channel': () => {
    const ch = channel<number>()
    return { op: () => ch.next(), wake: () => ch.close() }
  },
  'a published value': () => {
    const news = broadcast<number>()
    const subscriber = news.subscribe()
    return { op: () => subscriber.receive(), wake: () => news.publish(1).then() }
  },
  publish: () => {
    const news = broadcast<number>()
    const subscriber = news.subscribe()
    return { op: () => news.publish(1), wake: () => subscriber.tryReceive() }
  },
  select: () => receiving(ch => select({ a: ch.receive(), n: never })),
  'a nested select': () => receiving(ch => select({ x: select({ a: ch.receive(), n: never }), late: sleep(60_000) })),
  sleep: () => ({ op: () => sleep(1) }),
  timeout: () => ({ op: () => timeout(1, never, { else: 0 }) }),
  'an operation under a timeout': () => receiving(ch => timeout(60_000, ch.receive())),
  'a function under a timeout': () => receiving(ch => timeout(60_000, child(ch))),
  schedule: () => ({ op: () => schedule() }),
  'a join': () => receiving(ch => detach(child(ch))),
  'the end of a scope': () =>
    receiving(ch =>
      scope(function* () {
        go(child(ch))
      }),
    ),
  'the end of a held scope': () => {
    const owner = new Scope()
    owner.go(function* () {
      yield* never
    })
    return { op: () => owner.close(), wake: () => owner.cancel() }
  },
  race: () => receiving(ch => race({ a: child(ch), b: never })),
  all: () => receiving(ch => all([child(ch), schedule()])),
  'the kill of another': () => {
    const ch = channel<number>()
    const other = detach(function* () {
      try {
        yield* never
      } finally {
        yield* ch.receive()
      }
    })
    return { op: () => other.kill(), wake: () => ch.trySend(1) }
  },
  semaphore: () => {
    const limit = semaphore(1)
    let held: Permit | null = null
    limit.acquire().then(permit => {
      held = permit
    })
    return { op: () => limit.acquire(), wake: () => held?.release() }
  },
  event: () => {
    const ready = event()
    return { op: () => ready.wait(), wake: () => ready.set() }
  },
  deferred: () => {
    const answer = deferred<number>()
    return { op: () => answer, wake: () => answer.resolve(1) }
  },
  'a promise': () => withPromise(promise => until(promise)),
  'a call': () => withPromise(promise => call(async () => promise)),
  'an async function': () => withPromise(promise => detach(async () => promise)),
  'an emitter': () => withEmitter(emitter => action(resolve => void emitter.once('event', resolve))),
  'a listener that sends': () =>
    withEmitter(emitter => {
      const ch = channel<number>(1)
      emitter.once('event', value => ch.trySend(value))
      return ch.receive()
    }),
  'a listener that resolves': () =>
    withEmitter(emitter => {
      const heard = deferred<number>()
      emitter.once('event', value => heard.resolve(value))
      return heard
    }),
  'a timer of Node': () => ({ op: () => action<void>(resolve => void setTimeout(resolve, 1)) }),
  'a socket': () => withSocket(socket => action(resolve => void socket.once('data', resolve))),
  'a socket through a stream bridge': () => withSocket(socket => stream.toChannel(socket).receive()),
  'the bytes of a socket that have been written': () =>
    withSocket(socket => action<void>(resolve => void socket.write('pong', () => resolve()))),
  'a readable by hand': () => {
    const readable = new Readable({ read() {} })
    return calledBack(
      done => readable.once('data', done),
      () => readable.push('v'),
    )
  },
  'a writable by hand': () => {
    let written: () => void = () => {}
    const writable = new Writable({
      write(_chunk, _encoding, done) {
        written = done
      },
    })
    return calledBack(
      done => writable.write('v', done),
      () => written(),
    )
  },
  'a readable through its bridge': () => {
    const readable = new Readable({ read() {} })
    const values = stream.toChannel(readable)
    return { op: () => values.receive(), wake: () => readable.push('v') }
  },
  'a writable through its bridge': () => {
    const ch = channel<string>()
    const drained = stream.drainTo(ch, new PassThrough().resume())
    return { op: () => drained, wake: () => ch.close() }
  },
}

let echo: Server
beforeAll(done => {
  echo = createServer(socket => socket.on('error', () => {}).pipe(socket)).listen(0, '127.0.0.1', done)
})
afterAll(done => void echo.close(done))

describe.each(Object.entries(waits))('holds across %s, woken from another context', (_name, make) => {
  type Body = (op: () => Op<unknown>, note: () => void) => PromiseLike<unknown>

  /** Runs `body` for two requests at once, each with a wait of its own, and wakes both from contexts of others. */
  async function woken(body: Body): Promise<Record<string, unknown[]>> {
    const seen: Record<string, unknown[]> = { one: [], two: [] }
    const waiting = Object.entries(seen).map(([id, stores]) => ({ id, stores, wait: make() }))
    await idle()
    const started = waiting.map(({ id, stores, wait }) => {
      const done = als.run(id, () => body(wait.op, () => stores.push(als.getStore())))
      return { wait, done }
    })
    await idle()
    for (const { wait } of started) als.run('the waker', () => wait.wake?.())
    await als.run('the clock', () => time.clock.advance(1))
    for (const { wait, done } of started) {
      await done
      wait.close?.()
    }
    return seen
  }
  const own = (times: number) => ({ one: Array(times).fill('one'), two: Array(times).fill('two') })

  test('in a tasklet, and at its next waits', async () => {
    const seen = await woken((op, note) =>
      go(function* () {
        note()
        yield* op()
        note()
        yield* schedule()
        note()
      }),
    )
    expect(seen).toEqual(own(3))
  })

  test('in what a map does with the outcome, in a frame and in a scope', async () => {
    const seen = await woken((op, note) => {
      function* frame(): Co<void> {
        yield* scope(function* () {
          yield* op().map(note)
          note()
        })
        note()
      }
      return go(() => call(frame()))
    })
    expect(seen).toEqual(own(3))
  })

  test('in an async function, after its await', async () => {
    const seen = await woken(async (op, note) => {
      await op().map(note)
      note()
      await schedule()
      note()
    })
    expect(seen).toEqual(own(3))
  })

  test('in the cleanup of one that is killed there', async () => {
    const seen: unknown[] = []
    const { op, close } = make()
    const t = als.run('own', () =>
      go(function* () {
        try {
          yield* op()
        } finally {
          seen.push(als.getStore())
          yield* schedule()
          seen.push(als.getStore())
        }
      }),
    )
    await turn()
    await als.run('the killer', () => t.kill())
    close?.()
    expect(seen).toEqual(['own', 'own'])
  })
})

const endings: Record<string, (t: Tasklet<unknown>, owner: Scope) => void> = {
  'a kill': t => void t.kill(),
  'a raise': t => t.raise(new Error('raised')),
  'the cancel of its scope': (_t, owner) => owner.cancel(),
  'the failure of a sibling': (_t, owner) => void owner.go(() => Promise.reject(new Error('failure'))),
}

test.each(Object.entries(endings))('holds in cleanup after %s, also after its own waits', async (_name, end) => {
  const seen: unknown[] = []
  const owner = new Scope({ onFailure: () => {} })
  const t = als.run('own', () =>
    owner.go(function* () {
      try {
        yield* scope(function* () {
          try {
            yield* never
          } finally {
            seen.push(als.getStore())
            yield* sleep(1)
            seen.push(als.getStore())
          }
        })
      } finally {
        seen.push(als.getStore())
        yield* until(Promise.resolve())
        seen.push(als.getStore())
      }
    }),
  )
  await idle()
  als.run('the one that ends it', () => end(t, owner))
  await als.run('the clock', () => time.clock.advance(1))
  await idle()
  expect(t.state).not.toBe('waiting')
  expect(seen).toEqual(['own', 'own', 'own', 'own'])
})

test('holds where a time runs out, and where a wait is aborted', async () => {
  const seen: unknown[] = []
  const controller = new AbortController()
  als.run('timed', () =>
    go(function* () {
      const work = function* () {
        try {
          yield* never
        } finally {
          seen.push(als.getStore())
        }
      }
      yield* timeout(1, work, { else: 0 })
      seen.push(als.getStore())
    }),
  )
  const aborted = als.run('aborted', async () => {
    await perform(never, { signal: controller.signal }).catch(() => seen.push(als.getStore()))
    seen.push(als.getStore())
  })
  await als.run('the clock', () => time.clock.advance(1))
  als.run('the one that aborts', () => controller.abort())
  await aborted
  expect(seen).toEqual(['timed', 'timed', 'aborted', 'aborted'])
})

test('for await and each have the context of the one that iterates', async () => {
  const ch = channel<number>()
  const seen: unknown[] = []
  const iterating = als.run('for await', async () => {
    for await (const _ of ch) seen.push(als.getStore())
    seen.push(als.getStore())
  })
  const each = als.run('each', () =>
    go(function* () {
      yield* ch.each(() => seen.push(als.getStore()))
      seen.push(als.getStore())
    }),
  )
  await idle()
  await als.run('the sender', async () => {
    for (let n = 0; n < 2; n++) await ch.send(n)
    ch.close()
  })
  await Promise.all([iterating, each])
  expect(seen.sort()).toEqual(['each', 'each', 'for await', 'for await'])
})

test('holds in the body of a timeout, in executors, and in async functions that a tasklet starts', async () => {
  const seen: unknown[] = []
  const note = () => seen.push(als.getStore())
  const t = als.run('request', () =>
    go(function* () {
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
      yield* call(async () => {
        await idle()
        note()
      })
    }),
  )
  await als.run('the waiter', () => t)
  expect(seen).toEqual(Array(4).fill('request'))
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
