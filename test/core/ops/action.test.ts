import { EventEmitter } from 'node:events'
import { action, call, channel, go, never, select, timeout } from '../../../src/core/index.js'
import { idle, outcome, rejection, reported, turn, useVirtualClock, watch } from '../support.js'

const time = useVirtualClock()

describe('action', () => {
  test('runs its executor when it has to wait, and not before', async () => {
    let runs = 0
    const op = action<number>(resolve => {
      runs++
      setImmediate(() => resolve(1))
    })
    await turn()
    expect(runs).toBe(0)
    expect(await op).toBe(1)
    expect(runs).toBe(1)
  })

  test('takes the first of resolve and reject, and nothing after it', async () => {
    const failure = new Error('failure')
    expect(
      await action<number>((resolve, reject) => {
        resolve(1)
        resolve(2)
        reject(failure)
      }),
    ).toBe(1)
    expect(
      await rejection(
        action((resolve, reject) => {
          reject(failure)
          resolve(1)
        }),
      ),
    ).toBe(failure)
  })

  test('calls what the executor returned when it is withdrawn, once, and not after it has settled', async () => {
    const emitter = new EventEmitter()
    const ready = () =>
      action<string>(resolve => {
        emitter.once('ready', resolve)
        return () => emitter.off('ready', resolve)
      })
    const lost = watch(timeout(5, ready(), { else: 'late' }))
    await idle()
    expect(emitter.listenerCount('ready')).toBe(1)
    await time.clock.advance(5)
    expect([lost.outcome, emitter.listenerCount('ready')]).toEqual(['late', 0])
    const killed = go(function* () {
      yield* ready()
    })
    await idle()
    killed.kill()
    expect(emitter.listenerCount('ready')).toBe(0)
    const without = go(() => action(() => {}))
    await idle()
    expect(await reported(async () => without.kill())).toEqual([])
    let cancels = 0
    await action<void>(resolve => {
      setImmediate(resolve)
      return () => cancels++
    })
    expect(cancels).toBe(0)
  })

  test('a late call of a withdrawn run is ignored, also while a new run waits', async () => {
    const resolvers: ((value: number) => void)[] = []
    const op = action<number>(resolve => void resolvers.push(resolve))
    const gate = channel<number>(1)
    gate.trySend(0)
    const first = go(function* () {
      yield* op
    })
    await idle()
    await first.kill()
    const second = watch(op)
    await idle()
    resolvers[0]!(1)
    await idle()
    expect(second.outcome).toBe('pending')
    resolvers[1]!(2)
    await idle()
    expect(second.outcome).toBe(2)
  })

  test('an error that the executor throws is the outcome; after it has settled it is reported', async () => {
    const failure = new Error('failure')
    expect(
      await rejection(
        action(() => {
          throw failure
        }),
      ),
    ).toBe(failure)
    const warnings = await reported(async () => {
      expect(
        await action<number>(resolve => {
          resolve(1)
          throw failure
        }),
      ).toBe(1)
    })
    expect(warnings.join()).toContain('failure')
  })

  test('an async executor that rejects fails the operation, or is reported', async () => {
    const failure = new Error('failure')
    const misused = (settle: boolean) =>
      action<number>((async (resolve: (value: number) => void) => {
        if (settle) resolve(1)
        throw failure
      }) as never)
    expect(await rejection(misused(false))).toBe(failure)
    const warnings = await reported(async () => {
      expect(await misused(true)).toBe(1)
      await idle()
    })
    expect(warnings.join()).toContain('action was rejected after it had settled: failure')
  })

  test('a cancel that throws is reported, and hits neither the killer nor the one that committed', async () => {
    const stubborn = () =>
      action(() => () => {
        throw new Error('bad cancel')
      })
    const warnings = await reported(async () => {
      const t = go(function* () {
        yield* stubborn()
      })
      await idle()
      t.kill()
      await idle()
      expect(t.state).toBe('killed')
      const [a, b] = [channel<number>(), channel<number>()]
      const chosen = watch(select({ x: stubborn(), a: a.receive(), b: b.receive() }))
      await idle()
      expect(a.trySend(1)).toBe('sent')
      await idle()
      expect(chosen.outcome).toEqual({ key: 'a', value: 1 })
      expect(b.balance).toBe(0)
    })
    expect(warnings).toHaveLength(2)
  })

  test('what it settles with need not be an error or a value', async () => {
    expect(await rejection(action((_, reject) => reject(undefined)))).toBe(undefined)
    expect(await outcome(action<undefined>(resolve => resolve(undefined)))).toBe(undefined)
  })
})

describe('call', () => {
  test('gives the value of the promise, or throws its error', async () => {
    const failure = new Error('failure')
    expect(await call(async () => 'v')).toBe('v')
    expect(await rejection(call(async () => Promise.reject(failure)))).toBe(failure)
  })

  test('what the function throws at once is the outcome', async () => {
    const failure = new Error('failure')
    expect(
      await rejection(
        call(() => {
          throw failure
        }),
      ),
    ).toBe(failure)
  })

  test('a withdrawal aborts the signal; the echo of the abort is silent, another error is reported', async () => {
    const warnings = await reported(async () => {
      const echoes = [
        (signal: AbortSignal) => signal.reason,
        () => AbortSignal.abort().reason,
        () => Object.assign(new Error('another abort'), { name: 'AbortError' }),
        () => new Error('broke off badly'),
        () => undefined,
      ]
      for (const echo of echoes) {
        const t = go(function* () {
          yield* call(
            signal => new Promise((_, reject) => signal.addEventListener('abort', () => reject(echo(signal)))),
          )
        })
        await idle()
        await t.kill()
        await idle()
      }
    })
    expect(warnings).toEqual([expect.stringContaining('broke off badly'), expect.stringContaining('undefined')])
  })

  test('does not abort the signal of one that has settled', async () => {
    let signal: AbortSignal | null = null
    await call(async given => {
      signal = given
    })
    await outcome(select({ n: never }, { orElse: 0 }))
    expect(signal!.aborted).toBe(false)
  })
})
