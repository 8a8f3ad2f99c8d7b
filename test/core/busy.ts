/**
 * Ways of keeping a processor busy for ever. Each uses what it is given and nothing else of this file, so that a script in
 * a process of its own can have its source.
 */
type Core = typeof import('../../src/core/index.js')

/** Starts something that goes on as long as `spinning()`, which it calls at least once in two switches. */
export type Busy = (core: Core, spinning: () => boolean) => void

export const busy: Record<string, Busy> = {
  'tasklets that only schedule': ({ go, schedule }, spinning) => {
    for (let i = 0; i < 3; i++) {
      go(function* () {
        while (spinning()) yield* schedule()
      })
    }
  },
  'schedule under map and select': ({ go, schedule, select }, spinning) => {
    go(function* () {
      while (spinning()) yield* schedule().map(() => 1)
    })
    go(function* () {
      while (spinning()) yield* select({ s: schedule() })
    })
  },
  'two tasklets on a channel': ({ go, channel }, spinning) => {
    const ch = channel<number>()
    go(function* () {
      while (spinning()) yield* ch.send(1)
      ch.close()
    })
    go(function* () {
      yield* ch.each(() => {})
    })
  },
  'tasklets that prefer each other': ({ go, channel }, spinning) => {
    const [ping, pong] = [channel<number>(), channel<number>()]
    ping.preference = -1
    pong.preference = 1
    go(function* () {
      for (;;) {
        yield* ping.receive()
        yield* pong.send(1)
      }
    })
    go(function* () {
      while (spinning()) {
        yield* ping.send(1)
        yield* pong.receive()
      }
    })
  },
  'a tasklet and a promise': ({ go, until }, spinning) => {
    go(function* () {
      while (spinning()) yield* until(Promise.resolve())
    })
  },
  'a tasklet and an async function': ({ go, channel }, spinning) => {
    const [ping, pong] = [channel<number>(), channel<number>()]
    go(function* () {
      while (spinning()) {
        yield* ping.send(1)
        yield* pong.receive()
      }
      ping.close()
    })
    void (async () => {
      for await (const n of ping) await pong.send(n)
    })()
  },
  'calls on frames of their own': ({ go, call, schedule }, spinning) => {
    function* frame() {
      yield* schedule()
    }
    go(function* () {
      while (spinning()) yield* call(frame())
    })
  },
  'tasklets that start tasklets': ({ go }, spinning) => {
    const again = (): void => {
      if (spinning()) go(again)
    }
    again()
  },
  'tasklets that are killed and started again': ({ go, channel, schedule }, spinning) => {
    go(function* () {
      while (spinning()) {
        const t = go(function* () {
          yield* channel().receive()
        })
        yield* schedule()
        yield* t.kill()
      }
    })
  },
  'scopes that end and begin': ({ go, schedule, scope }, spinning) => {
    go(function* () {
      while (spinning()) {
        yield* scope(function* () {
          yield* schedule()
        })
      }
    })
  },
  'a receive at the end of a channel': ({ go, channel }, spinning) => {
    const closed = channel<number>()
    closed.close()
    go(function* () {
      while (spinning()) yield* closed.next()
    })
  },
  'operations that fail at once': ({ go, channel }, spinning) => {
    const closed = channel<number>()
    closed.close()
    go(function* () {
      while (spinning()) {
        try {
          yield* closed.receive()
        } catch {}
      }
    })
  },
  'a channel with room': ({ go, channel }, spinning) => {
    const buffer = channel<number>(1)
    go(function* () {
      while (spinning()) {
        yield* buffer.send(1)
        yield* buffer.receive()
      }
    })
  },
  'a select with a branch that is ready': ({ go, channel, select, sleep }, spinning) => {
    const closed = channel<number>()
    closed.close()
    go(function* () {
      while (spinning()) yield* select({ value: closed.next().map(() => 1), late: sleep(50) })
    })
  },
  'a poll': ({ go, never, select }, spinning) => {
    go(function* () {
      while (spinning()) yield* select({ never }, { orElse: 1 })
    })
  },
  'a timeout around what is ready': ({ always, go, timeout }, spinning) => {
    go(function* () {
      while (spinning()) yield* timeout(50, always(1))
    })
  },
  'permits, flags, outcomes and broadcasts': ({ broadcast, deferred, event, go, semaphore }, spinning) => {
    const [permits, flag, outcome, nobody] = [semaphore(1), event(), deferred<number>(), broadcast<number>()]
    flag.set()
    outcome.resolve(1)
    go(function* () {
      while (spinning()) {
        const permit = yield* permits.acquire()
        permit.release()
        if (spinning()) yield* flag.wait()
        if (spinning()) yield* outcome
        if (spinning()) yield* nobody.publish(1)
      }
    })
  },
  'a tasklet that has ended, joined': ({ go }, spinning) => {
    const ended = go(() => 1)
    go(function* () {
      while (spinning()) yield* ended
    })
  },
  'calls that return at once': ({ go, call }, spinning) => {
    function* frame() {
      return 1
    }
    go(function* () {
      while (spinning()) yield* call(frame())
    })
  },
  'cleanup that is always ready': ({ always, go, never }, spinning) => {
    const t = go(function* () {
      try {
        yield* never
      } finally {
        while (spinning()) yield* always(1)
      }
    })
    setImmediate(() => t.kill())
  },
  'await of what is ready': ({ channel }, spinning) => {
    const closed = channel<number>()
    closed.close()
    void (async () => {
      while (spinning()) await closed.next()
    })()
  },
  'await of what fails at once': ({ channel }, spinning) => {
    const closed = channel<number>()
    closed.close()
    void (async () => {
      while (spinning()) await closed.receive().then(null, () => {})
    })()
  },
  'perform() of what is ready': ({ always, perform }, spinning) => {
    const { signal } = new AbortController()
    void (async () => {
      while (spinning()) await perform(always(1), { signal })
    })()
  },
  'two async functions on a channel': ({ channel }, spinning) => {
    const ch = channel<number>()
    void (async () => {
      while (spinning()) await ch.send(1)
      ch.close()
    })()
    void (async () => {
      while (!(await ch.next()).done);
    })()
  },
  'for await over a channel that is filled again': ({ channel }, spinning) => {
    const ch = channel<number>(1)
    ch.trySend(1)
    void (async () => {
      for await (const n of ch) {
        if (!spinning()) break
        ch.trySend(n)
      }
    })()
  },
  'a tasklet that resolves with another, and that with it': ({ go }, spinning) => {
    const both: PromiseLike<unknown>[] = []
    for (const other of [1, 0]) both.push(go(() => [both[other]]).map(([op]) => (spinning() ? op : null)))
    void both[0]?.then(null)
  },
}
