/** Pools of real threads. */
import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import * as worker from '../../../src/adapters/worker/index.js'
import {
  go,
  never,
  SynclessError,
  schedule,
  scope,
  select,
  type Tasklet,
  timeout,
  until,
} from '../../../src/core/index.js'

type WhichThread = () => number

// The threads run the sources, and have to be told how.
const loader = pathToFileURL('test/adapters/contract/typescript.mjs')
const register = `import { register } from 'node:module'; register('${loader}')`
const execArgv = ['--no-warnings', '--import', `data:text/javascript,${encodeURIComponent(register)}`]
const tasks = pathToFileURL('test/adapters/worker/pool-tasks.mjs')

const pools: worker.ThreadPool[] = []

function threadPool(options: worker.ThreadPoolOptions = {}): worker.ThreadPool {
  const pool = worker.threadPool({ maxThreads: 1, execArgv, ...options })
  pools.push(pool)
  return pool
}

afterEach(async () => {
  for (const pool of pools.splice(0)) await pool.destroy()
})

/** What a thread counts in while it spins, and where it is told to stop. */
function spinning() {
  const shared = new SharedArrayBuffer(8)
  const numbers = new Int32Array(shared)
  return {
    shared,
    count: () => Atomics.load(numbers, 0),
    stop: () => Atomics.store(numbers, 1, 1),
    begun: () => eventually(() => Atomics.load(numbers, 0) > 0),
    /** Whether nothing counts any more. */
    ended: () =>
      eventually(async () => {
        const before = Atomics.load(numbers, 0)
        await new Promise(resolve => setTimeout(resolve, 20))
        return before === Atomics.load(numbers, 0)
      }),
  }
}

const spin = (pool: worker.ThreadPool, at: { shared: SharedArrayBuffer }) =>
  pool.run<(shared: SharedArrayBuffer) => number>(tasks, [at.shared], { name: 'spin' })

async function eventually(holds: () => boolean | Promise<boolean>): Promise<void> {
  const start = Date.now()
  while (!(await holds())) {
    if (Date.now() - start > 30_000) throw new Error('it never came true')
    await new Promise(resolve => setTimeout(resolve, 2))
  }
}

async function failure(work: PromiseLike<unknown>): Promise<SynclessError> {
  return work.then(
    () => {
      throw new Error('it did not fail')
    },
    (error: SynclessError) => error,
  )
}

test('runs functions, and exports of modules by URL and by path, one after the other in one thread', async () => {
  const pool = threadPool()
  expect(pool.statistics()).toEqual({ threads: 0, running: 0, queued: 0, waiting: 0 })
  const n: number = await pool.run((a, b) => a * b, [6, 7])
  expect(n).toBe(42)
  expect(
    await pool.run(
      async function (this: unknown, text: string) {
        return [this, text]
      },
      ['x'],
    ),
  ).toEqual([undefined, 'x'])
  expect(await pool.run(tasks, [1, 2])).toBe(3)
  expect(await pool.run(path.resolve('test/adapters/worker/pool-tasks.mjs'), ['a', 'b'])).toBe('ab')
  expect(await pool.run(tasks.href, ['slow'], { name: 'later' })).toBe('slow')
  const first: number = await pool.run<WhichThread>(tasks, [], { name: 'whichThread' })
  expect(first).toBeGreaterThan(0)
  expect(await pool.run<WhichThread>(tasks, [], { name: 'whichThread' })).toBe(first)
  expect(await pool.run<typeof path.basename>('node:path', ['/a/b'], { name: 'basename' })).toBe('b')
  expect(pool.statistics()).toEqual({ threads: 1, running: 0, queued: 0, waiting: 0 })
  // @ts-expect-error the argument is a number
  void (() => pool.run((a: number) => a, ['x']))
  // @ts-expect-error the function takes none
  void (() => pool.run<WhichThread>(tasks, [1]))
})

test('copies arguments and results, or moves them', async () => {
  const pool = threadPool()
  const copied = new Uint8Array([1, 2])
  const moved = new Uint8Array([3, 4])
  const sum = (a: Uint8Array, b: Uint8Array) => [...a, ...b].reduce((x, y) => x + y)
  expect(await pool.run(sum, [copied, moved], { transfer: [moved.buffer] })).toBe(10)
  expect([copied.byteLength, moved.byteLength]).toEqual([2, 0])
  expect(await pool.run(tasks, [], { name: 'movedResult' })).toEqual(new Uint8Array([5]))
})

test('an error crosses with its name, properties, cause and stack', async () => {
  const pool = threadPool()
  const odd = await failure(pool.run(tasks, [], { name: 'fail' }))
  expect(odd).toMatchObject({ name: 'OddError', message: 'odd', code: 'ODD', hint: 7 })
  expect(odd.cause).toBeInstanceOf(TypeError)
  expect(odd.stack).toContain('pool-tasks.mjs')
  const factor = 2
  const closure = await failure(pool.run((n: number) => n * factor, [1]))
  expect(closure).toBeInstanceOf(ReferenceError)
  expect(closure.message).toBe('factor is not defined')
  const missing = await failure(pool.run(tasks, [], { name: 'notAFunction' }))
  expect(missing).toBeInstanceOf(SynclessError)
  expect(missing.code).toBe('INVALID_ARGUMENT')
  expect((await failure(pool.run('/nowhere/at/all.mjs', []))).code).toBe('ERR_MODULE_NOT_FOUND')
  // What cannot be copied, there and back.
  expect((await failure(pool.run((fn: () => void) => fn, [() => {}]))).name).toBe('DataCloneError')
  expect((await failure(pool.run(() => () => {}, []))).name).toBe('DataCloneError')
  expect(await pool.run(() => 'goes on', [])).toBe('goes on')
})

test('a thread that ends fails its task, and is replaced', async () => {
  const pool = threadPool()
  expect((await failure(pool.run(() => process.exit(), []))).code).toBe('PEER_GONE')
  const thrown = await failure(
    pool.run(() => {
      setImmediate(() => {
        throw new RangeError('uncaught')
      })
      return new Promise(() => {})
    }, []),
  )
  expect(thrown.code).toBe('PEER_GONE')
  expect(thrown.cause).toMatchObject({ name: 'RangeError', message: 'uncaught' })
  expect(await pool.run(() => 'goes on', [])).toBe('goes on')
})

test('threads that cannot start fail every task', async () => {
  const pool = threadPool({ maxThreads: 2, execArgv: ['--import', 'data:text/javascript,throw new Error("no start")'] })
  const work = () => 1
  const errors = await Promise.all([1, 2, 3].map(() => failure(pool.run(work, []))))
  expect(errors.map(error => error.code)).toEqual(['PEER_GONE', 'PEER_GONE', 'PEER_GONE'])
  expect(errors[0]!.cause).toMatchObject({ message: 'no start' })
  expect(pool.statistics()).toMatchObject({ running: 0, queued: 0, waiting: 0 })
})

test('a kill and a lost select end the thread that spins; the loop is not blocked, and the next task runs', async () => {
  const pool = threadPool()
  const [killed, lost] = [spinning(), spinning()]
  const tasklet = go(function* () {
    yield* spin(pool, killed)
  })
  // The loop goes on while the thread spins.
  await killed.begun()
  tasklet.kill()
  expect((await failure(tasklet)).code).toBe('TASKLET_KILLED')
  await killed.ended()
  const chosen = await go(function* () {
    return yield* select({ spun: spin(pool, lost), begun: until(lost.begun()) })
  })
  expect(chosen.key).toBe('begun')
  await lost.ended()
  expect(await pool.run(() => 'next', [])).toBe('next')
  expect(pool.statistics()).toEqual({ threads: 1, running: 0, queued: 0, waiting: 0 })
})

test('the queue is bounded: who comes then waits, in order, loses nothing, and leaves when killed', async () => {
  const pool = threadPool({ maxQueue: 2 })
  const first = spinning()
  const order: string[] = []
  const run = (name: string) =>
    go(function* () {
      order.push(yield* pool.run((name: string) => name, [name]))
    })
  const spun = go(function* () {
    yield* spin(pool, first)
  })
  await first.begun()
  const [a, b, c, d, e] = ['a', 'b', 'c', 'd', 'e'].map(run) as [Tasklet<void>, ...Tasklet<void>[]]
  await eventually(() => pool.statistics().waiting === 3)
  expect(pool.statistics()).toEqual({ threads: 1, running: 1, queued: 2, waiting: 3 })
  d!.kill()
  await failure(d!)
  expect(pool.statistics()).toMatchObject({ running: 1, queued: 2, waiting: 2 })
  a.kill()
  await failure(a)
  // The place of the killed one is taken by the first of those who wait.
  expect(pool.statistics()).toMatchObject({ running: 1, queued: 2, waiting: 1 })
  const moved = new Uint8Array([1])
  const kept = go(function* () {
    yield* pool.run((bytes: Uint8Array) => bytes, [moved], { transfer: [moved.buffer] })
  })
  await eventually(() => pool.statistics().waiting === 2)
  kept.kill()
  await failure(kept)
  expect(moved.byteLength).toBe(1)
  first.stop()
  await Promise.all([spun, b, c, e])
  expect(order).toEqual(['b', 'c', 'e'])
})

test('submit waits for room only; a tasklet of it that is killed, or a submit that loses, gives its place back', async () => {
  const pool = threadPool({ maxQueue: 1 })
  const first = spinning()
  const submit = () => pool.submit((n: number) => n + 1, [1])
  await scope(function* () {
    const task = yield* pool.submit<(shared: SharedArrayBuffer) => number>(tasks, [first.shared], { name: 'spin' })
    yield* until(first.begun())
    const second = yield* submit()
    expect(yield* timeout(5, submit(), { else: 'no room' })).toBe('no room')
    expect(pool.statistics()).toMatchObject({ running: 1, queued: 1, waiting: 0 })
    // Killed before its first turn.
    second.kill()
    const third = yield* submit()
    yield* schedule()
    third.kill()
    const fourth = yield* submit()
    expect(yield* timeout(5, submit(), { else: 'no room' })).toBe('no room')
    first.stop()
    expect(yield* task).toBeGreaterThan(0)
    const result: number = yield* fourth
    expect(result).toBe(2)
  })
  expect(pool.statistics()).toEqual({ threads: 1, running: 0, queued: 0, waiting: 0 })
})

test('runs as many at once as there are threads', async () => {
  const pool = threadPool({ maxThreads: 2 })
  const both = [spinning(), spinning()]
  const results = both.map(one => spin(pool, one).then(id => id))
  await Promise.all(both.map(one => one.begun()))
  expect(pool.statistics()).toMatchObject({ threads: 2, running: 2 })
  for (const one of both) one.stop()
  expect(new Set(await Promise.all(results)).size).toBe(2)
})

test('ends with its scope: threads stop, and whoever waits gets SCOPE_CLOSED', async () => {
  const [running, outside] = [spinning(), spinning()]
  let pool!: worker.ThreadPool
  const run = go(function* () {
    yield* scope(function* () {
      pool = threadPool({ maxQueue: 1, name: 'the pool' })
      go(function* () {
        yield* spin(pool, running)
      })
      yield* never
    })
  })
  await running.begun()
  const errors = Promise.all([1, 2].map(() => failure(spin(pool, outside))))
  await eventually(() => pool.statistics().waiting === 1)
  run.kill()
  await failure(run)
  expect((await errors).map(error => error.code)).toEqual(['SCOPE_CLOSED', 'SCOPE_CLOSED'])
  await running.ended()
  expect(outside.count()).toBe(0)
  expect((await failure(pool.run(() => 1, []))).code).toBe('SCOPE_CLOSED')
  await pool.destroy()
  expect(pool.statistics()).toEqual({ threads: 0, running: 0, queued: 0, waiting: 0 })
})

test('destroy ends the threads at once, and waits until they are gone', async () => {
  const running = spinning()
  let error: Promise<SynclessError>
  {
    await using pool = threadPool()
    error = failure(spin(pool, running))
    await running.begun()
  }
  const count = running.count()
  await new Promise(resolve => setTimeout(resolve, 5))
  expect(running.count()).toBe(count)
  expect((await error).code).toBe('POOL_DESTROYED')
  const unused = threadPool()
  await unused.destroy()
  expect((await failure(unused.run(() => 1, []))).code).toBe('POOL_DESTROYED')
  expect((await failure(unused.submit(() => 1, []))).code).toBe('POOL_DESTROYED')
})

test('what no thread can run is refused at once', () => {
  const pool = threadPool()
  const run = pool.run.bind(pool) as (...args: unknown[]) => unknown
  const { method } = { method() {} }
  for (const wrong of [
    function* () {},
    method,
    (() => {}).bind(null),
    Math.max,
    './relative.mjs',
    'piscina',
    'https://x.y/z',
    1,
    null,
  ])
    expect(() => run(wrong, [])).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
  for (const args of [
    [() => {}],
    [() => {}, 1],
    [() => {}, [], { name: 'x' }],
    [tasks, [], { name: 1 }],
    [() => {}, [], { transfer: 1 }],
  ])
    expect(() => run(...args)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
  for (const options of [
    { maxThreads: 0 },
    { maxQueue: -1 },
    { maxQueue: 0.5 },
    { minThreads: 2 },
    { idleTimeout: Number.NaN },
    null,
  ])
    expect(() => worker.threadPool(options === null ? (null as never) : { maxThreads: 1, ...options })).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
    )
})

test('a late error of a thread is reported, and the pool goes on', async () => {
  const pool = threadPool()
  const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => {})
  await pool.run(tasks, [], { name: 'dieLater' })
  await eventually(() => warn.mock.calls.length > 0)
  expect(warn.mock.calls).toEqual([[expect.stringContaining('too late'), expect.anything()]])
  warn.mockRestore()
  expect(await pool.run(() => 'goes on', [])).toBe('goes on')
})

test('the process ends by itself while threads are idle, and not while one has a task', () => {
  const program = `
    import { threadPool } from 'syncless/worker'
    const pool = threadPool({ maxThreads: 2, minThreads: 2, idleTimeout: 1e9 })
    console.log(await pool.run(n => n + 1, [1]), pool.statistics().threads)
    pool.run(() => new Promise(resolve => setTimeout(resolve, 50, 'done')), []).then(console.log)`
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    encoding: 'utf8',
    timeout: 30_000,
  })
  expect({ stdout, stderr, status }).toEqual({ stdout: '2 2\ndone\n', stderr: '', status: 0 })
})
