/** `go()` inside a `finally` means the same, however the tasklet is ended. */
import {
  all,
  type Co,
  detach,
  go,
  never,
  race,
  Scope,
  schedule,
  scope,
  sleep,
  type Tasklet,
  timeout,
} from '../../src/core/index.js'
import { idle, useVirtualClock } from './support.js'

const time = useVirtualClock()

/** Each way begins `body` in a tasklet, and later ends that; what it gives settles when all is over. */
const ways: Record<string, (body: () => Co<void>) => Promise<unknown>> = {
  async kill(body) {
    const t = go(body)
    await idle()
    await t.kill()
  },
  async 'kill in a scope that goes on'(body) {
    const s = new Scope()
    const t = s.go(body)
    await idle()
    await t.kill()
    await s.close()
  },
  async 'cancelled scope'(body) {
    await scope(function* (s) {
      s.go(body)
      yield* schedule()
      s.cancel()
    })
  },
  async 'lost race'(body) {
    await race({
      body,
      *winner() {
        yield* schedule()
        return 1
      },
    })
  },
  timeout: body => timeout(1, body, { else: null }).then(),
  async 'failed sibling'(body) {
    await all([
      body,
      function* () {
        yield* schedule()
        throw new Error('failed')
      },
    ]).then(null, () => {})
  },
}

/** Moves the clock by the grace period and more, in small steps. */
async function pass(): Promise<void> {
  for (let i = 0; i < 12; i++) await time.clock.advance(500)
}

describe.each(Object.entries(ways))('ended by a %s', (_name, end) => {
  test('what cleanup starts runs, and may wait, joined or not', async () => {
    const log: string[] = []
    const over = end(function* () {
      try {
        yield* never
      } finally {
        go(function* () {
          yield* sleep(100)
          go(function* () {
            yield* sleep(100)
            log.push('started by what was started')
          })
        })
        yield* go(function* () {
          yield* sleep(10)
          log.push('joined')
        })
      }
    })
    await time.clock.advance(1)
    await pass()
    await over
    expect(log).toEqual(['joined', 'started by what was started'])
  })

  test('it ends with the grace period, and cannot wait after that', async () => {
    const log: string[] = []
    const started = performance.now()
    const over = end(function* () {
      try {
        yield* never
      } finally {
        yield* sleep(2000)
        go(function* () {
          try {
            yield* never
          } finally {
            log.push(`asked after ${time.clock.now() - begun}`)
            go(() => log.push('started too late'))
            yield* sleep(1)
            log.push('waited')
          }
        })
      }
    })
    await idle()
    await time.clock.advance(1)
    const begun = time.clock.now() - (_name === 'timeout' ? 0 : 1)
    await pass()
    await over
    await idle()
    expect(log).toEqual(['asked after 5000'])
    expect(performance.now() - started).toBeLessThan(4000)
    expect(time.clock.pending).toBe(0)
  })

  test('detach() starts one that lives on', async () => {
    let lasting: Tasklet<unknown> | null = null
    const over = end(function* () {
      try {
        yield* never
      } finally {
        lasting = detach(function* () {
          yield* sleep(60_000)
        })
      }
    })
    await time.clock.advance(1)
    await pass()
    await over
    expect((lasting as Tasklet<unknown> | null)?.state).toBe('waiting')
    ;(lasting as Tasklet<unknown> | null)?.kill()
    await idle()
  })
})

test('go() before the exit is thrown is no cleanup: in a cancelled scope it never runs', async () => {
  const log: string[] = []
  await scope(function* (s) {
    s.cancel()
    go(() => log.push('ran'))
    yield* never
  })
  expect(log).toEqual([])
})

test('a nest of cleanups that start one another ends with the first grace period', async () => {
  let started = 0
  const over = scope(function* (s) {
    function* again(): Co<void> {
      started++
      try {
        yield* never
      } finally {
        go(again)
      }
    }
    s.go(again)
    yield* schedule()
    s.cancel()
  }).then()
  await idle()
  await pass()
  await over
  expect(started).toBe(2)
})
