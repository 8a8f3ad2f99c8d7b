/**
 * Killing throws, once, where the tasklet waits. Each way of waiting, each kind of cleanup and each source of an exit
 * meet here, because what breaks in libraries like this one is their combinations.
 */

import { setTimeout as delay } from 'node:timers/promises'
import {
  action,
  type Co,
  call,
  channel,
  current,
  go,
  isTaskletExit,
  never,
  Scope,
  schedule,
  scope,
  select,
  sleep,
  type Tasklet,
  timeout,
  until,
} from '../../src/core/index.js'
import { GRACE } from '../../src/core/tasklet/interrupts.js'
import { idle, outcome, rejection, reported, uncaught, useVirtualClock, watch } from './support.js'

const time = useVirtualClock()
const failure = new Error('failure')

const waits: Record<string, () => Co<unknown>> = {
  *never() {
    yield* never
  },
  *receive() {
    yield* channel().receive()
  },
  *send() {
    yield* channel<number>().send(1)
  },
  *sleep() {
    yield* sleep(60_000)
  },
  *'long sleep'() {
    yield* sleep(Number.POSITIVE_INFINITY)
  },
  *select() {
    yield* select({ a: channel().receive(), b: select({ c: sleep(60_000), d: never }) })
  },
  *map() {
    yield* channel()
      .receive()
      .map(value => value)
  },
  *'timeout on an operation'() {
    yield* timeout(60_000, never)
  },
  *'timeout on a function'() {
    yield* timeout(60_000, function* () {
      yield* never
    })
  },
  *scope() {
    yield* scope(function* () {
      yield* never
    })
  },
  *'scope in a scope'() {
    yield* scope(function* () {
      yield* scope(function* () {
        go(function* () {
          yield* never
        })
        yield* never
      })
    })
  },
  *'scope whose body is over'() {
    yield* scope(function* () {
      go(function* () {
        yield* never
      })
    })
  },
  *join() {
    yield* go(function* () {
      yield* never
    })
  },
  *until() {
    yield* until(new Promise(() => {}))
  },
  *action() {
    yield* action(() => () => {})
  },
  *each() {
    yield* channel().each(() => {})
  },
}

const cleanups: Record<string, () => Co<void>> = {
  *nothing() {},
  *'one wait'() {
    yield* sleep(3)
  },
  *'two waits'() {
    yield* sleep(3)
    yield* schedule()
  },
  *'a finally in the finally'() {
    try {
      yield* sleep(1)
    } finally {
      yield* sleep(1)
    }
  },
  *'a scope'() {
    yield* scope(function* () {
      go(function* () {
        yield* sleep(2)
      })
      yield* sleep(1)
    })
  },
  *'a timeout that runs out'() {
    yield* timeout(2, never, { else: undefined })
    yield* timeout(
      2,
      function* () {
        yield* never
      },
      { else: undefined },
    )
  },
}

const log: string[] = []

/** Five frames, each of which logs its coming and going, and a LEAK if it goes on after its wait. */
function* frames(depth: number, wait: () => Co<unknown>, cleanup: () => Co<void>): Co<void> {
  log.push(`in ${depth}`)
  try {
    if (depth === 0) yield* wait()
    else yield* frames(depth - 1, wait, cleanup)
    log.push(`LEAK ${depth}`)
  } finally {
    yield* cleanup()
    log.push(`out ${depth}`)
  }
}

const sources: Record<string, (body: () => Co<void>) => Promise<void>> = {
  async 'the kill of a tasklet'(body) {
    const t = go(body)
    await idle()
    const gone = watch(t.kill())
    await time.clock.runAll()
    expect(gone.outcome).toBe(undefined)
    expect(t.state).toBe('killed')
  },
  async 'the cancel of a scope'(body) {
    const owner = new Scope()
    const t = owner.go(body)
    await idle()
    owner.cancel()
    const gone = watch(owner.close())
    await time.clock.runAll()
    expect(gone.outcome).toBe(undefined)
    expect(t.state).toBe('killed')
  },
  async 'the failure of a sibling'(body) {
    const failure = new Error('failure')
    const result = watch(
      scope(function* () {
        go(body)
        yield* sleep(1)
        throw failure
      }),
    )
    await time.clock.runAll()
    expect(result.outcome).toBe(failure)
  },
  async 'a timeout'(body) {
    const result = watch(timeout(1, body, { else: 'late' }))
    await time.clock.runAll()
    expect(result.outcome).toBe('late')
  },
  async 'the kill of the one that waits for the scope'(body) {
    const t = go(function* () {
      yield* scope(body)
      log.push('LEAK')
    })
    await idle()
    const gone = watch(t.kill())
    await time.clock.runAll()
    expect(gone.outcome).toBe(undefined)
    expect(t.state).toBe('killed')
  },
  async 'an error raised in it'(body) {
    const t = go(body)
    const joined = watch(t)
    await idle()
    const error = new Error('raised')
    t.raise(error)
    await time.clock.runAll()
    expect(joined.outcome).toBe(error)
  },
}

const unwound = ['in 5', 'in 4', 'in 3', 'in 2', 'in 1', 'in 0', 'out 0', 'out 1', 'out 2', 'out 3', 'out 4', 'out 5']

describe.each(Object.entries(sources))('%s', (_source, end) => {
  describe.each(Object.entries(waits))('unwinds every frame from %s', (_wait, wait) => {
    test.each(Object.entries(cleanups))('with %s in each cleanup', async (_cleanup, cleanup) => {
      log.length = 0
      await end(() => frames(5, wait, cleanup))
      expect(log).toEqual(unwound)
      expect(time.clock.pending).toBe(0)
    })
  })
})

test('a tasklet that is killed before its turn never runs its body', async () => {
  let ran = false
  const t = go(function* () {
    ran = true
    yield* schedule()
  })
  expect(await outcome(t.kill())).toBe(undefined)
  expect(ran).toBe(false)
  expect(t.state).toBe('killed')
})

test('kill settles only when the cleanup is over', async () => {
  const t = go(function* () {
    try {
      yield* never
    } finally {
      yield* sleep(10)
    }
  })
  await idle()
  const gone = [watch(t.kill()), watch(t.kill())]
  await time.clock.advance(9)
  expect(gone.map(each => each.outcome)).toEqual(['pending', 'pending'])
  await time.clock.advance(1)
  expect(gone.map(each => each.outcome)).toEqual([undefined, undefined])
})

test('a kill during cleanup does not throw again', async () => {
  const log: string[] = []
  const t = go(function* () {
    try {
      yield* never
    } finally {
      yield* sleep(10)
      log.push('cleaned up')
    }
  })
  await idle()
  t.kill('first')
  await time.clock.advance(5)
  const again = watch(t.kill('second'))
  await time.clock.advance(5)
  expect(again.outcome).toBe(undefined)
  expect(log).toEqual(['cleaned up'])
  expect(await outcome(t)).toMatchObject({ code: 'TASKLET_KILLED', cause: { reason: 'first' } })
})

test('two kills in one turn throw one exit', async () => {
  let thrown = 0
  const t = go(function* () {
    try {
      yield* never
    } catch (error) {
      thrown++
      yield* schedule()
      throw error
    }
  })
  await idle()
  t.kill()
  t.kill()
  await idle()
  expect(thrown).toBe(1)
  expect(t.state).toBe('killed')
})

test('the kill of a tasklet that has ended does nothing', async () => {
  const t = go(() => 'result')
  await idle()
  expect(await outcome(t.kill())).toBe(undefined)
  expect(await outcome(t)).toBe('result')
  expect([t.state, t.signal.aborted]).toEqual(['done', false])
})

function* endingItself(): Co<void> {
  try {
    yield* current().kill('done with it')
    log.push('LEAK')
  } finally {
    yield* sleep(1)
    log.push('cleaned up')
  }
}

test.each<[string, () => Co<unknown>]>([
  ['', endingItself],
  [
    'in a call',
    function* () {
      yield* call(endingItself())
    },
  ],
  [
    'in a scope',
    function* () {
      yield* scope(endingItself)
    },
  ],
  [
    'in a scope that was cancelled',
    function* () {
      yield* scope(function* (s) {
        s.cancel()
        yield* endingItself()
      })
    },
  ],
])('a tasklet that kills itself throws its exit in place, once, and cleanup may wait: %s', async (_where, body) => {
  log.length = 0
  const t = go(body)
  await time.clock.runAll()
  expect(log).toEqual(['cleaned up'])
  expect(t.state).toBe('killed')
})

test('a tasklet that kills itself need not yield the kill', async () => {
  const log: unknown[] = []
  const t = go(() => {
    const { signal } = current()
    try {
      current().kill('why')
      log.push('LEAK')
    } catch (error) {
      log.push(isTaskletExit(error) && error.reason, signal.reason === error)
      throw error
    }
  })
  await idle()
  expect(log).toEqual(['why', true])
  expect(t.state).toBe('killed')
})

test('a self-kill in the body of a scope ends the scope and the tasklet', async () => {
  const log: string[] = []
  let child: Tasklet<unknown> | null = null
  const t = go(function* self() {
    yield* scope(function* () {
      yield* scope(function* () {
        child = go(function* () {
          try {
            yield* never
          } finally {
            yield* sleep(1)
            log.push('child')
          }
        })
        yield* schedule()
        try {
          current().kill()
        } finally {
          yield* sleep(2)
          log.push('body')
        }
      })
      log.push('LEAK')
    })
    log.push('LEAK')
  })
  await time.clock.runAll()
  expect(log.sort()).toEqual(['body', 'child'])
  expect(t.state).toBe('killed')
  expect(child).toMatchObject({ state: 'killed' })
})

test('a self-kill while a kill is pending throws once, and cleanup may still wait', async () => {
  const ch = channel<number>()
  const log: string[] = []
  const t = go(function* () {
    try {
      yield* ch.receive()
      current().kill()
    } finally {
      yield* sleep(1)
      log.push('cleaned up')
    }
  })
  await idle()
  ch.trySend(1)
  t.kill()
  await time.clock.runAll()
  expect(log).toEqual(['cleaned up'])
  expect(t.state).toBe('killed')
})

describe('in a scope that its tasklet has left behind, in a select', () => {
  /** A tasklet that has lost a scope, which then runs `body`; with `log` and what was uncaught. */
  async function leftBehind(body: (log: string[]) => Co<void>, then: () => Co<void>) {
    const log: string[] = []
    let t: Tasklet<unknown> | null = null
    const errors = await uncaught(async () => {
      t = go(function* () {
        yield* select({
          work: scope(function* () {
            yield* sleep(10)
            yield* body(log)
          }),
          tick: sleep(5),
        })
        yield* then()
      })
      await time.clock.advance(10)
    })
    return { t: t as Tasklet<unknown> | null, log, errors }
  }

  test('a self-kill ends the tasklet and the body, and is no error of anybody else', async () => {
    const { t, errors, log } = await leftBehind(
      function* (log) {
        try {
          current().kill()
        } finally {
          yield* schedule()
          log.push('cleaned up')
        }
      },
      function* () {
        yield* never
      },
    )
    expect([t?.state, log, errors]).toEqual(['killed', ['cleaned up'], []])
  })

  test('a self-kill does nothing where the tasklet has ended', async () => {
    const { t, errors, log } = await leftBehind(
      function* (log) {
        yield* current().kill()
        log.push('went on')
      },
      function* () {},
    )
    expect([t?.state, log, errors]).toEqual(['done', ['went on'], []])
  })
})

test('a self-kill in the body of a scope whose owner was killed in the same turn is one kill', async () => {
  const log: unknown[] = []
  const warnings = await reported(async () => {
    const t: Tasklet<unknown> = go(function* () {
      try {
        yield* scope(function* () {
          t.kill()
        })
      } catch (error) {
        log.push((error as { code?: string })?.code)
        throw error
      }
    })
    go(() => t.kill())
    await idle()
    expect(t.state).toBe('killed')
  })
  expect(log).toEqual(['TASKLET_EXIT'])
  expect(warnings).toEqual([])
})

test('a self-kill in the body of a scope is not lost where a timeout ends that body meanwhile', async () => {
  const log: string[] = []
  const t: Tasklet<unknown> = go(function* () {
    yield* scope(function* () {
      yield* timeout(
        1,
        function* () {
          try {
            t.kill()
          } finally {
            yield* sleep(2)
          }
        },
        { else: undefined },
      )
      yield* never
      log.push('LEAK')
    })
  })
  await time.clock.advance(10)
  await idle()
  expect(t.state).toBe('killed')
  expect(log).toEqual([])
})

test('a self-kill in the body of a scope is not lost where that body catches it', async () => {
  const t: Tasklet<unknown> = go(function* () {
    yield* scope(function* () {
      try {
        t.kill()
      } catch {}
      yield* never
    })
  })
  await idle()
  const gone = watch(t.kill())
  await time.clock.advance(GRACE)
  expect(gone.outcome).toBe(undefined)
  expect(t.state).toBe('killed')
})

test('two tasklets that kill each other and wait for it are both gone', async () => {
  const pair: Tasklet<unknown>[] = []
  const killer = (other: number) =>
    function* (): Co<void> {
      yield* schedule()
      yield* pair[other]!.kill()
    }
  pair.push(go(killer(1)), go(killer(0)))
  await idle()
  expect(pair.map(t => t.state)).toEqual(['killed', 'killed'])
})

test('two tasklets whose cleanups wait for each other are gone after the grace period', async () => {
  const pair: Tasklet<unknown>[] = []
  const waiter = (other: number) =>
    function* (): Co<void> {
      try {
        yield* never
      } finally {
        yield* pair[other]!.kill()
      }
    }
  pair.push(go(waiter(1)), go(waiter(0)))
  await idle()
  pair[0]!.kill()
  await time.clock.advance(GRACE - 1)
  expect(pair.map(t => t.state)).toEqual(['waiting', 'waiting'])
  await time.clock.advance(1)
  expect(pair.map(t => t.state)).toEqual(['killed', 'killed'])
})

test('a scope inside a cancelled timeout is ended from outside in, and its cleanup awaited', async () => {
  const log: string[] = []
  const owner = new Scope()
  owner.go(function* () {
    try {
      yield* timeout(1000, function* () {
        try {
          yield* scope(function* () {
            try {
              yield* never
            } finally {
              yield* sleep(2)
              log.push('scope')
            }
          })
        } finally {
          log.push('timeout')
        }
      })
    } finally {
      log.push('owner')
    }
  })
  await idle()
  owner.cancel()
  await time.clock.runAll()
  expect(log).toEqual(['scope', 'timeout', 'owner'])
  expect(owner.size).toBe(0)
  expect(time.clock.pending).toBe(0)
})

test.each([
  ['a mapped scope', () => scope(interruptible).map(value => value)],
  ['a mapped timeout', () => timeout(60_000, interruptible).map(value => value)],
  ['a timeout on a scope', () => timeout(60_000, scope(interruptible))],
  ['a timeout on a timeout', () => timeout(60_000, timeout(50_000, interruptible))],
])('the kill of one that waits for %s ends what runs there, and waits for it', async (_name, work) => {
  log.length = 0
  const t = go(function* () {
    yield* work()
    log.push('LEAK')
  })
  await idle()
  const gone = watch(t.kill())
  await time.clock.advance(1)
  expect(gone.outcome).toBe('pending')
  await time.clock.advance(1)
  expect(gone.outcome).toBe(undefined)
  expect(log).toEqual(['cleaned up'])
})

function* interruptible(): Co<void> {
  try {
    yield* never
  } finally {
    yield* sleep(2)
    log.push('cleaned up')
  }
}

test('a kill that follows an error raised in a scope is not lost', async () => {
  const log: unknown[] = []
  const t = go(function* () {
    try {
      yield* scope(function* () {
        try {
          yield* never
        } finally {
          yield* sleep(5)
        }
      })
    } catch (error) {
      log.push((error as Error).message)
    }
    yield* sleep(1)
    log.push('went on')
  })
  await idle()
  t.raise(new Error('first'))
  await idle()
  t.kill()
  await time.clock.advance(100)
  expect(log).not.toContain('went on')
  expect(t.state).toBe('killed')
})

test('the exit of one that waits for a scope to end goes to nobody else', async () => {
  const log: string[] = []
  const t = go(function* () {
    yield* scope(function* () {
      try {
        yield* never
      } finally {
        yield* sleep(5)
      }
    })
  })
  // Killed itself, it kills the other in its cleanup.
  const killer = go(function* () {
    try {
      yield* never
    } finally {
      t.kill()
      yield* sleep(1)
      log.push('cleaned up')
    }
  })
  t.then(null, () => {})
  await idle()
  t.raise(new Error('raised'))
  await idle()
  killer.kill()
  await time.clock.runAll()
  expect(log).toEqual(['cleaned up'])
  expect([killer.state, t.state]).toEqual(['killed', 'failed'])
})

describe('an async function that is killed', () => {
  const echoes: Record<string, [end: (exit: unknown) => unknown, state: string, error?: unknown]> = {
    'the exit itself': [exit => Promise.reject(exit), 'killed'],
    'an AbortError': [() => Promise.reject(AbortSignal.abort().reason), 'killed'],
    'the AbortError of a timer': [() => delay(1000, undefined, { signal: AbortSignal.abort() }), 'killed'],
    'a value': [() => 'value', 'killed'],
    'an error of its own': [() => Promise.reject(failure), 'failed', failure],
    'an error that is no Error': [() => Promise.reject(undefined), 'failed'],
  }
  test.each(Object.entries(echoes))('and then ends with %s', async (_name, [end, state, error]) => {
    const owner = new Scope({ onFailure: () => {} })
    const t = owner.go(async () => {
      const { signal } = current()
      await new Promise<void>(resolve => signal.addEventListener('abort', () => resolve()))
      return end(signal.reason)
    })
    await idle()
    await t.kill()
    expect(t.state).toBe(state)
    if (state === 'failed') expect(await rejection(t)).toBe(error)
  })
})

test('an async function is told by its signal, and the kill settles when its promise has', async () => {
  const log: string[] = []
  const t = go(async () => {
    const { signal } = current()
    await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))).catch(
      async error => {
        log.push((error as Error).name)
        await idle()
        log.push('cleaned up')
        throw error
      },
    )
  })
  await idle()
  const gone = watch(t.kill())
  expect(gone.outcome).toBe('pending')
  await idle()
  await idle()
  await idle()
  expect(gone.outcome).toBe(undefined)
  expect(log).toEqual(['TaskletExit', 'cleaned up'])
  expect(t.state).toBe('killed')
})
