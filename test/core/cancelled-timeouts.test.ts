/** Timeouts inside scopes that end: whichever comes first, the end from outside is what counts in the end. */
import { type Co, never, type Op, Scope, schedule, scope, sleep, type Tasklet, timeout } from '../../src/core/index.js'
import { useVirtualClock } from './support.js'

const time = useVirtualClock()
const log: string[] = []
beforeEach(() => {
  log.length = 0
})

/** Waits for ever; its cleanup takes 4 ms. */
function* careful(): Co<string> {
  try {
    yield* never
    return 'LEAK'
  } finally {
    yield* sleep(4)
    log.push('cleaned up')
  }
}

const late = { else: 'late' }

interface Timeout {
  /** A timeout of 5 ms. */
  readonly make: () => Op<unknown>
  /** What the cleanups in it log. */
  readonly cleanups: string[]
  /** What the one that waits for it still gets, where it is told to end after the time is over and before the cleanup is. */
  readonly commits?: string
}

const timeouts: Record<string, Timeout> = {
  'on an operation': { make: () => timeout(5, never), cleanups: [] },
  'on an operation, with else': { make: () => timeout(5, never, late), cleanups: [] },
  'on a timeout on an operation': { make: () => timeout(6, timeout(5, never)), cleanups: [] },
  'on a function': { make: () => timeout(5, careful), cleanups: ['cleaned up'] },
  'on a function, with else': { make: () => timeout(5, careful, late), cleanups: ['cleaned up'] },
  'on a scope': { make: () => timeout(5, scope(careful), late), cleanups: ['cleaned up'], commits: 'got late' },
  'on a longer timeout': {
    make: () => timeout(5, timeout(6, careful), late),
    cleanups: ['cleaned up'],
    commits: 'got late',
  },
  'on a shorter timeout': {
    make: () => timeout(6, timeout(5, careful, late)),
    cleanups: ['cleaned up'],
    commits: 'TIMEOUT',
  },
  'in a scope': {
    make: () =>
      scope(function* () {
        return yield* timeout(5, careful, late)
      }),
    cleanups: ['cleaned up'],
  },
}

const ends: Record<string, (t: Tasklet<unknown>, owner: Scope) => void> = {
  'a kill': t => void t.kill(),
  'a cancel': (_t, owner) => owner.cancel(),
  'a failure': (_t, owner) => void owner.go(() => Promise.reject(new Error('failure'))),
}

function start(make: () => Op<unknown>): { t: Tasklet<unknown>; owner: Scope } {
  const owner = new Scope({ onFailure: () => {} })
  const t = owner.go(function* () {
    try {
      log.push(`got ${yield* make()}`)
    } catch (error) {
      log.push((error as { code: string }).code)
      if ((error as { code: string }).code !== 'TIMEOUT') throw error
    }
    yield* schedule()
    log.push('LEAK')
  })
  return { t, owner }
}

describe.each(Object.entries(ends))('%s', (_end, end) => {
  describe.each(Object.entries(timeouts))(
    'of what waits in a timeout %s',
    (_timeout, { make, cleanups, commits = 'TASKLET_EXIT' }) => {
      test('before the time is over ends it, and no timer is left', async () => {
        const { t, owner } = start(make)
        await time.clock.advance(3)
        end(t, owner)
        await time.clock.advance(20)
        expect(log).toEqual([...cleanups, 'TASKLET_EXIT'])
        expect([t.state, owner.size, time.clock.pending]).toEqual(['killed', 0, 0])
      })

      test('while it cleans up, after the time is over, waits for that and is thrown then', async () => {
        if (cleanups.length === 0) return
        const { t, owner } = start(make)
        await time.clock.advance(7)
        expect(log).toEqual([])
        end(t, owner)
        await time.clock.advance(20)
        expect(log).toEqual([...cleanups, commits])
        expect([t.state, owner.size, time.clock.pending]).toEqual(['killed', 0, 0])
      })
    },
  )
})
