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
}
