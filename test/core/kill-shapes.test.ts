/**
 * Every shape of nested `try` blocks whose cleanup waits, in every combination down a stack of calls, native ones
 * (`yield*`) and those on the loop's own frame stack (`call`). Where libraries like this one fail is in combinations:
 * an inner `finally` that waits turns a generator's `return()` into a `next()`, and the code outside runs on.
 */
import { action, type Co, call, channel, current, Scope, scope, type Tasklet, timeout } from '../../src/core/index.js'
import { idle, useVirtualClock } from './support.js'

const time = useVirtualClock()

/** One frame: it runs `inner`, and calls `step(1)`, `step(2)`, ... as its cleanup gets on, after having waited. */
type Shape = (inner: () => Co<void>, step: (n: number) => Co<void>) => Co<void>

const shapes: Record<string, { steps: number; frame: Shape }> = {
  'no try': {
    steps: 0,
    frame: function* (inner) {
      yield* inner()
    },
  },
  'a finally': {
    steps: 1,
    frame: function* (inner, step) {
      try {
        yield* inner()
      } finally {
        yield* step(1)
      }
    },
  },
  'a finally that waits twice': {
    steps: 2,
    frame: function* (inner, step) {
      try {
        yield* inner()
      } finally {
        yield* step(1)
        yield* step(2)
      }
    },
  },
  'a catch that throws on': {
    steps: 1,
    frame: function* (inner, step) {
      try {
        yield* inner()
      } catch (error) {
        yield* step(1)
        throw error
      }
    },
  },
  'a catch and a finally': {
    steps: 2,
    frame: function* (inner, step) {
      try {
        yield* inner()
      } catch (error) {
        yield* step(1)
        throw error
      } finally {
        yield* step(2)
      }
    },
  },
  'a try in a try': {
    steps: 2,
    frame: function* (inner, step) {
      try {
        try {
          yield* inner()
        } finally {
          yield* step(1)
        }
      } finally {
        yield* step(2)
      }
    },
  },
  'a try in a finally': {
    steps: 3,
    frame: function* (inner, step) {
      try {
        yield* inner()
      } finally {
        try {
          yield* step(1)
        } finally {
          yield* step(2)
        }
        yield* step(3)
      }
    },
  },
  'a try in a loop': {
    steps: 1,
    frame: function* (inner, step) {
      for (;;) {
        try {
          yield* inner()
          return
        } finally {
          yield* step(1)
        }
      }
    },
  },
}

const links = {
  'yield*': (next: () => Co<void>) => next(),
  *call(next: () => Co<void>) {
    yield* call(next())
  },
  *scope(next: () => Co<void>) {
    yield* scope(next)
  },
  *'a timeout on a mapped scope'(next: () => Co<void>) {
    yield* timeout(
      60_000,
      scope(next).map(() => 0),
    )
  },
}

/** What a stack of frames is made of, from the outermost to the innermost. */
interface Level {
  readonly shape: string
  readonly link: keyof typeof links
}

/** Every sequence of `length` levels. */
function sequences(length: number, names: readonly string[], kinds: readonly Level['link'][]): Level[][] {
  if (length === 0) return [[]]
  const levels = names.flatMap(shape => kinds.map(link => ({ shape, link })))
  return sequences(length - 1, names, kinds).flatMap(rest => levels.map(level => [level, ...rest]))
}

const every = Object.keys(shapes)
const calls = ['yield*', 'call'] as const

const stacks: Record<string, Level[][]> = {
  'every shape, to depth 2': [1, 2].flatMap(depth => sequences(depth, every, calls)),
  'every shape by itself, to depth 5': every.flatMap(shape => [4, 5].flatMap(n => sequences(n, [shape], calls))),
  'with and without a try, to depth 5': [4, 5].flatMap(n => sequences(n, ['no try', 'a try in a finally'], calls)),
  'scopes and timeouts between the calls, to depth 3': [1, 2, 3].flatMap(depth =>
    sequences(depth, ['no try', 'a try in a finally'], [...calls, 'scope', 'a timeout on a mapped scope']),
  ),
}

/** A program that waits in its innermost frame, and writes down what its cleanups do. */
class Program {
  readonly log: string[] = []
  readonly gate = channel<void>()
  readonly owner = new Scope({ onFailure: () => {} })
  readonly tasklet: Tasklet<void>
  readonly #levels: Level[]

  constructor(levels: Level[], end: (program: Program) => Co<void>) {
    this.#levels = levels
    this.tasklet = this.owner.go(() => this.#frame(0, () => end(this)))
  }

  /** What its log has to be: every step of every cleanup, once, from the inside out. */
  get unwound(): string[] {
    return this.#levels.toReversed().flatMap(({ shape }, i) => {
      const depth = this.#levels.length - i
      return Array.from({ length: shapes[shape]!.steps }, (_, step) => `${depth}.${step + 1}`)
    })
  }

  #frame(depth: number, end: () => Co<void>): Co<void> {
    const level = this.#levels[depth]
    if (level === undefined) return end()
    const { log } = this
    const inner = () => links[level.link](() => this.#frame(depth + 1, end))
    return shapes[level.shape]!.frame(
      function* () {
        yield* inner()
        log.push('LEAK')
      },
      step =>
        links[level.link](function* () {
          yield* aTurn()
          log.push(`${depth + 1}.${step}`)
        }),
    )
  }
}

/** Waits for a turn of the event loop. */
function aTurn() {
  return action<void>(resolve => void setImmediate(resolve))
}

interface Ending {
  /** What the innermost frame does. */
  readonly innermost: (program: Program) => Co<void>
  /** What is done to the program when it waits there. */
  readonly end?: (program: Program) => void
  /** What the log begins with. */
  readonly before?: string[]
  readonly state?: string
}

function* waiting({ gate }: Program): Co<void> {
  yield* gate.receive()
}

const endings: Record<string, Ending> = {
  'a kill where it waits': { innermost: waiting, end: ({ tasklet }) => void tasklet.kill() },
  'the cancel of its scope': { innermost: waiting, end: ({ owner }) => owner.cancel() },
  'a kill, and another one in every turn of the cleanup': {
    innermost: waiting,
    end: ({ tasklet }) => {
      const again = () => {
        tasklet.kill()
        if (tasklet.state !== 'killed') setImmediate(again)
      }
      again()
    },
  },
  'a kill after what it waits for has committed': {
    *innermost({ gate, log }) {
      yield* gate.receive()
      log.push('committed')
      yield* gate.receive()
    },
    end: ({ gate, tasklet }) => {
      gate.trySend()
      tasklet.kill()
    },
    before: ['committed'],
  },
  'its own kill': {
    *innermost() {
      yield* current().kill()
    },
  },
  'an error raised in it': {
    innermost: waiting,
    end: ({ tasklet }) => tasklet.raise(new Error('raised')),
    state: 'failed',
  },
}

describe.each(Object.entries(stacks))('%s', (_stacks, levels) => {
  test.each(Object.entries(endings))(
    'unwind, each cleanup once and from the inside out, by %s',
    async (_ending, { innermost, end, before = [], state = 'killed' }) => {
      const programs = levels.map(stack => new Program(stack, innermost))
      await idle()
      for (const program of programs) end?.(program)
      await Promise.all(programs.map(({ tasklet }) => tasklet.then(null, () => {})))
      const wrong = programs
        .map(({ log, unwound, ...left }) => ({
          log: log.join(' '),
          expected: [...before, ...unwound].join(' '),
          ended: [left.tasklet.state, left.owner.size, left.gate.balance],
        }))
        .filter(({ log, expected, ended }) => log !== expected || ended.join() !== [state, 0, 0].join())
      expect({ programs: programs.length, wrong: wrong.slice(0, 3) }).toEqual({ programs: levels.length, wrong: [] })
      expect(time.clock.pending).toBe(0)
    },
  )
})
