import * as iterator from '../../../src/adapters/iterator/index.js'
import { deferred, go, never, timeout } from '../../../src/core/index.js'
import { virtualClock } from '../../../src/testing/index.js'
import { all, outcome, reported, TestScope, turns, watch } from '../support.js'

const failure = new Error('failure')

/** An async iterator of 0, 1, 2, ... that keeps what was called on it. */
class Counter implements AsyncIterableIterator<number, undefined> {
  made = 0
  readonly calls: string[] = []
  answer = (): Promise<number> => Promise.resolve(this.made++);

  [Symbol.asyncIterator](): this {
    return this
  }

  async next(): Promise<IteratorResult<number, undefined>> {
    this.calls.push('next')
    return { done: false, value: await this.answer() }
  }

  async return(): Promise<IteratorResult<number, undefined>> {
    this.calls.push('return')
    return { done: true, value: undefined }
  }
}

describe('what can be iterated over', () => {
  test.each([
    ['an array', () => [1, 2, 3]],
    ['a set', () => new Set([1, 2, 3])],
    ['an iterator of an array', () => [1, 2, 3].values()],
    [
      'a generator',
      function* () {
        yield* [1, 2, 3]
      },
    ],
    [
      'an async generator',
      async function* () {
        yield* [1, 2, 3]
      },
    ],
    ['promises in an array', () => [1, Promise.resolve(2), 3] as number[]],
    [
      'an iterator without an iterable',
      () => {
        let n = 0
        return { next: () => ({ done: n === 3, value: ++n }) } as Iterator<number>
      },
    ],
  ] as const)('%s, and a function that gives it', async (_what, make) => {
    for (const capacity of [0, 2, 10]) {
      expect(await all(iterator.toChannel<number>(make(), { capacity }))).toEqual([1, 2, 3])
      expect(await all(iterator.toChannel<number>(() => make(), { capacity }))).toEqual([1, 2, 3])
    }
  })

  test('an iterator once, an iterable as often as it gives new ones', async () => {
    const values = [1, 2].values()
    iterator.toChannel(values)
    expect(() => iterator.toChannel(values)).toThrow(expect.objectContaining({ code: 'ALREADY_CONSUMED' }))
    const list = [1, 2]
    expect(await Promise.all([all(iterator.toChannel(list)), all(iterator.toChannel(list))])).toEqual([list, list])
  })

  test('a function that fails, or gives something else, fails the channel when it is received from', async () => {
    const failing = iterator.toChannel(() => {
      throw failure
    })
    expect(await outcome(failing.receive())).toBe(failure)
    const wrong = iterator.toChannel(() => 5 as never)
    expect(await outcome(wrong.receive())).toMatchObject({ code: 'INVALID_ARGUMENT' })
  })
})

describe('what is only like a promise', () => {
  test('is an answer like a promise, whether it calls back at once or gives nothing', async () => {
    for (const now of [true, false]) {
      let made = 0
      const next = () => ({
        then(answered: (step: object) => void) {
          const answer = () => answered({ done: made === 20_000, value: made++ })
          if (now) answer()
          else queueMicrotask(answer)
        },
      })
      const seen = await all(iterator.toChannel<number>({ next } as never, { capacity: 20_000 }))
      expect(seen.length).toBe(20_000)
    }
  })

  test('is a value of an async iterator as it is', async () => {
    const value = { then: () => {} }
    const ch = iterator.toChannel({ next: async () => ({ done: false, value }) } as AsyncIterator<object>)
    await turns(1)
    const received: unknown[] = []
    await go(function* () {
      received.push(yield* ch.receive())
    })
    expect(received[0]).toBe(value)
    ch.cancel()
  })
})

describe('asking', () => {
  test('begins with the first receive, is done ahead by the capacity, and never twice at a time', async () => {
    const counter = new Counter()
    const gate = deferred<number>()
    counter.answer = () => Promise.resolve(gate)
    const ch = iterator.toChannel(counter, { capacity: 3 })
    await turns()
    expect(counter.calls).toEqual([])
    const received = watch(Promise.all([ch.receive(), ch.receive()]))
    await turns()
    expect(counter.calls).toEqual(['next'])
    gate.resolve(7)
    await turns()
    expect(received.outcome).toEqual([7, 7])
    expect(counter.calls.length).toBe(5)
    ch.cancel()
  })

  test('for somebody who leaves loses nothing: the value is the next one’s', async () => {
    using clock = virtualClock()
    const counter = new Counter()
    const gate = deferred<void>()
    counter.answer = async () => {
      await gate
      return counter.made++
    }
    const ch = iterator.toChannel(counter)
    const late = watch(timeout(10, ch.receive(), { else: 'late' }))
    await clock.advance(10)
    expect(late.outcome).toBe('late')
    gate.resolve()
    await turns()
    expect([ch.statistics().buffered, counter.made]).toEqual([1, 1])
    expect([await ch.receive(), await ch.receive()]).toEqual([0, 1])
    ch.cancel()
  })
})

describe('the end', () => {
  test('by itself, or by an error, calls no return()', async () => {
    const calls: string[] = []
    const ending = (next: () => unknown) => ({
      next: next as () => Promise<IteratorResult<number>>,
      return: async () => {
        calls.push('return')
        return { done: true as const, value: undefined }
      },
    })
    expect(await all(iterator.toChannel(ending(async () => ({ done: true, value: 9 }))))).toEqual([])
    const rejecting = iterator.toChannel(ending(() => Promise.reject(failure)))
    expect(await outcome(rejecting.receive())).toBe(failure)
    const throwing = iterator.toChannel(
      ending(() => {
        throw failure
      }),
    )
    expect(await outcome(throwing.receive())).toBe(failure)
    const odd = iterator.toChannel(ending(() => 5))
    expect(await outcome(odd.receive())).toBeInstanceOf(TypeError)
    const undefinedly = iterator.toChannel(ending(() => Promise.reject(undefined)))
    expect(await outcome(undefinedly.receive())).toMatchObject({ code: 'INVALID_ARGUMENT' })
    expect(calls).toEqual([])
  })

  test('by a rejected promise among the values of a synchronous iterator leaves it, as for await does', async () => {
    let left = false
    function* promises() {
      try {
        yield Promise.resolve(1)
        yield Promise.reject(failure)
      } finally {
        left = true
      }
    }
    const ch = iterator.toChannel<number>(promises() as never)
    expect(await ch.receive()).toBe(1)
    expect(await outcome(ch.receive())).toBe(failure)
    expect(left).toBe(true)
  })
})

describe('leaving', () => {
  test('calls return() once, at once, while next() is pending', async () => {
    const counter = new Counter()
    counter.answer = () => new Promise(() => {})
    const ch = iterator.toChannel(counter)
    const received = watch(ch.next())
    await turns()
    ch.cancel()
    expect(counter.calls).toEqual(['next', 'return'])
    ch.cancel()
    await turns()
    expect(received.outcome).toEqual({ done: true, value: undefined })
    expect(counter.calls).toEqual(['next', 'return'])
  })

  test('counts the value that comes after it as dropped', async () => {
    const counter = new Counter()
    const gate = deferred<number>()
    counter.answer = () => Promise.resolve(gate)
    const ch = iterator.toChannel(counter)
    ch.next().then(() => {})
    await turns()
    ch.cancel()
    gate.resolve(7)
    await turns()
    expect(ch.statistics()).toMatchObject({ buffered: 0, dropped: 1 })
  })

  test('an async generator waits for nothing, though its return() waits for what it awaits', async () => {
    const log: unknown[] = []
    const gate = deferred<void>()
    async function* slow() {
      try {
        log.push('began')
        await gate
        yield 1
        log.push('went on')
      } finally {
        log.push('left')
      }
    }
    const ch = iterator.toChannel(slow())
    const received = watch(ch.next())
    await turns()
    ch.cancel()
    await turns()
    expect([received.outcome, log]).toEqual([{ done: true, value: undefined }, ['began']])
    gate.resolve()
    await turns()
    expect(log).toEqual(['began', 'left'])
    expect(await ch.next()).toEqual({ done: true, value: undefined })
  })

  test('an async generator with a signal ends it while it waits; the reason is that of the cancel', async () => {
    const log: unknown[] = []
    async function* waiting(signal: AbortSignal) {
      try {
        await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
        yield 1
      } catch (error) {
        log.push(error)
        throw error
      } finally {
        log.push('left')
      }
    }
    const ch = iterator.toChannel(signal => waiting(signal))
    ch.next().then(() => {})
    await turns()
    ch.cancel(failure)
    await turns()
    expect(log).toEqual([failure, 'left'])
  })

  test('by a kill shows the source nothing of the exit', async () => {
    let seen: AbortSignal | null = null
    const ch = iterator.toChannel(signal => {
      seen = signal
      return new Counter()
    })
    const reader = new TestScope().go(function* () {
      yield* ch.each(function* () {
        yield* never
      })
    })
    await turns()
    await reader.kill()
    expect(seen).toMatchObject({ aborted: true, reason: { name: 'AbortError' } })
  })

  test('before the first receive calls return(), and never calls a function', async () => {
    const counter = new Counter()
    iterator.toChannel(counter).cancel()
    expect(counter.calls).toEqual(['return'])
    const source = jest.fn(() => [1])
    iterator.toChannel(source).cancel()
    await turns()
    expect(source).not.toHaveBeenCalled()
  })

  test('reports a return() that fails, and nothing of a next() that fails after it', async () => {
    const late = deferred<never>()
    const failing = (fail: () => unknown): AsyncIterator<number> => ({
      next: () => Promise.resolve(late),
      return: fail as () => Promise<IteratorResult<number>>,
    })
    const warnings = await reported(async () => {
      for (const fail of [
        () => Promise.reject(failure),
        () => {
          throw failure
        },
        () => 5,
      ]) {
        const ch = iterator.toChannel(failing(fail), { name: 'numbers' })
        ch.next().then(() => {})
        await turns()
        ch.cancel()
      }
      late.reject(new Error('late'))
    })
    const warning = expect.stringContaining('return() of the iterator "numbers" failed: failure')
    expect(warnings).toEqual([warning, warning])
  })
})
