/**
 * Random reads of random bytes that come in random chunks, some of them killed, timed out or lost in a select at random
 * moments. A read either does what the model says, or did not happen: no byte is lost, doubled or out of order.
 */
import { PassThrough } from 'node:stream'
import fc from 'fast-check'
import { type Co, go, type Op, SynclessError, select, TaskletKilled, timeout } from '../../../src/core/index.js'
import { byteSource } from '../../../src/core/nbsocket/bytes/byte-input.js'
import { byteSink } from '../../../src/core/nbsocket/bytes/byte-output.js'
import type { ByteSink, ByteSource } from '../../../src/core/nbsocket/bytes/byte-stream.js'
import { limitReader } from '../../../src/core/nbsocket/file/limit-reader.js'
import { type NbReader, nbreader } from '../../../src/core/nbsocket/file/reader.js'
import { socketPair } from '../../../src/core/nbsocket/socket/socket-pair.js'
import { deferred } from '../../../src/core/ops/deferred.js'
import { turn } from '../support.js'

const RUNS = Number(process.env.SYNCLESS_RUNS ?? 1000)

/** The limit of the reader: small, so that it is met. */
const LIMIT = 12

type Step =
  | { readonly do: 'read' | 'readAtMost' | 'readExactly' | 'peek' | 'readUpTo' | 'discard'; readonly size: number }
  | { readonly do: 'readLine' }
  | { readonly do: 'readAll' }
  | { readonly do: 'readUntil'; readonly delimiter: string }
  | { readonly do: 'unread'; readonly text: string }

/** What loses, and after how many turns of the event loop. */
interface Loss {
  readonly by: 'nothing' | 'kill' | 'select' | 'timeout'
  readonly after: number
}

const size = fc.nat({ max: 10 })
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constantFrom('read' as const, 'readAtMost', 'readExactly', 'peek', 'readUpTo', 'discard'),
    size,
  }),
  fc.record({ do: fc.constant('readLine' as const) }),
  fc.record({ do: fc.constant('readAll' as const) }),
  fc.record({ do: fc.constant('readUntil' as const), delimiter: fc.constantFrom('\n', 'ab', '\n\n', 'aa') }),
  fc.record({
    do: fc.constant('unread' as const),
    text: fc.string({ unit: fc.constantFrom('a', '\n', '€'), maxLength: 3 }),
  }),
)
const loss: fc.Arbitrary<Loss> = fc.record({
  by: fc.constantFrom('nothing' as const, 'nothing', 'kill', 'select', 'timeout'),
  after: fc.nat({ max: 4 }),
})

const program = fc.record({
  steps: fc.array(fc.tuple(step, loss), { maxLength: 12 }),
  chunks: fc.array(fc.string({ unit: fc.constantFrom('a', 'b', '\n', '€'), minLength: 1, maxLength: 6 }), {
    maxLength: 10,
  }),
  /** Where chunks are cut again, within characters too. */
  cut: fc.integer({ min: 1, max: 7 }),
  /** How many turns pass between two chunks. */
  pace: fc.nat({ max: 2 }),
  text: fc.boolean(),
  over: fc.constantFrom('stream' as const, 'stream', 'stream', 'TCP'),
  /** How long a part of the stream it reads, if it does. */
  size: fc.option(fc.nat({ max: 20 }), { nil: null }),
})

const LOST = Symbol('lost')

/** What a read of `bytes`, after which nothing more comes, gives, and how many of them it takes. */
function expected(step: Step, bytes: Buffer, text: boolean): { gives: unknown; takes: number } {
  const shown = (part: Buffer) => (text ? part.toString() : part.toString('hex'))
  const some = (size: number) => {
    const whole = text ? wholeText(bytes, size) : Math.min(size, bytes.length)
    return { gives: shown(bytes.subarray(0, whole)), takes: whole }
  }
  const fails = (code: string) => ({ gives: code, takes: 0 })
  switch (step.do) {
    case 'read':
      return some(step.size)
    case 'peek':
      return { ...some(step.size), takes: 0 }
    case 'readExactly':
      if (bytes.length < step.size) return fails('UNEXPECTED_END')
      return { gives: shown(bytes.subarray(0, step.size)), takes: step.size }
    case 'discard': {
      const takes = Math.min(step.size, bytes.length)
      return { gives: takes, takes }
    }
    case 'readAll':
      return bytes.length > LIMIT ? fails('READ_LIMIT') : { gives: shown(bytes), takes: bytes.length }
    case 'readLine':
    case 'readUntil': {
      const delimiter = step.do === 'readLine' ? '\n' : step.delimiter
      const at = bytes.indexOf(delimiter)
      const takes = at < 0 ? bytes.length : at + delimiter.length
      if (takes > LIMIT) return fails('READ_LIMIT')
      if (at < 0 && step.do === 'readUntil') return fails('UNEXPECTED_END')
      return { gives: shown(bytes.subarray(0, takes)), takes }
    }
    default:
      throw new Error('not a read that gives one thing')
  }
}

/** How many bytes the whole characters have that lie within `size`; those of the first, if it does not. */
function wholeText(bytes: Buffer, size: number): number {
  if (size === 0) return 0
  let whole = 0
  for (const character of bytes.toString()) {
    const next = whole + Buffer.byteLength(character)
    if (next > size && whole > 0) break
    whole = Math.min(next, bytes.length)
    if (whole >= size) break
  }
  return whole
}

/** Those that count bytes, of whatever they are, cut no character here: the model knows whole ones only. */
function aligned(step: Step, bytes: Buffer): Step {
  if ((step.do !== 'discard' && step.do !== 'readExactly') || step.size > bytes.length) return step
  return { ...step, size: wholeText(bytes, step.size) }
}

function operation(reader: NbReader<Buffer | string>, step: Step): Op<Buffer | string | number> {
  switch (step.do) {
    case 'readLine':
    case 'readAll':
      return reader[step.do]()
    case 'readUntil':
      return reader.readUntil(step.delimiter)
    case 'unread':
      throw new Error('no operation')
    default:
      return reader[step.do](step.size)
  }
}

/** Performs `op` in a tasklet, which loses as `loss` says, if it has not committed by then. */
async function performed(op: Op<Buffer | string | number>, { by, after }: Loss): Promise<unknown> {
  const lose = deferred<void>()
  const reading = go(function* (): Co<unknown> {
    if (by === 'timeout') return yield* timeout(after, op, { else: LOST })
    if (by !== 'select') return yield* op
    const chosen = yield* select({ op, lose })
    return chosen.key === 'op' ? chosen.value : LOST
  })
  const outcome = reading.then(
    value => value,
    (error: unknown) => {
      if (error instanceof TaskletKilled) return LOST
      if (error instanceof SynclessError) return error.code
      throw error
    },
  )
  if (by === 'kill' || by === 'select') {
    for (let i = 0; i < after; i++) await turn()
    if (by === 'select') lose.resolve()
    else reading.kill()
  }
  return outcome
}

/** What is read from, and what that is fed by. */
interface Ends extends AsyncDisposable {
  readonly source: ByteSource
  readonly sink: ByteSink
}

function piped(): Ends {
  const stream = new PassThrough()
  return { source: byteSource(stream), sink: byteSink(stream), async [Symbol.asyncDispose]() {} }
}

async function connected(): Promise<Ends> {
  const [source, sink] = await socketPair()
  const close = async () => {
    source.destroy()
    sink.destroy()
  }
  return { source, sink, [Symbol.asyncDispose]: close }
}

test('a read happens as the model says, or not at all (property)', async () => {
  await fc.assert(
    fc.asyncProperty(program, async ({ steps, chunks, cut, pace, text, over, size: partSize }) => {
      const whole = Buffer.from(chunks.join(''))
      const part = text && partSize !== null ? wholeText(whole, partSize) : partSize
      await using ends = over === 'TCP' ? await connected() : piped()
      let feeding = true
      const feed = (async () => {
        for (let at = 0; at < whole.length && feeding; at += cut) {
          await ends.sink.send(whole.subarray(at, at + cut))
          for (let i = 0; i < pace; i++) await turn()
        }
        await ends.sink.shutdown?.()
      })()
      const outer = nbreader(ends.source, { limit: LIMIT })
      const bytes = part === null ? outer : limitReader(outer, part, { limit: LIMIT })
      const reader: NbReader<Buffer | string> = text ? bytes.text() : bytes
      let left = part === null ? whole : whole.subarray(0, part)
      for (const [drawn, loss] of steps) {
        const step = text ? aligned(drawn, left) : drawn
        if (step.do === 'unread') {
          reader.unread(step.text)
          left = Buffer.concat([Buffer.from(step.text), left])
          continue
        }
        const given = await performed(operation(reader, step), loss)
        if (given === LOST) continue
        const shown = Buffer.isBuffer(given) ? given.toString('hex') : given
        if (step.do === 'readUpTo') {
          expect(given).toBeLessThanOrEqual(left.length)
          expect(given).toBeGreaterThanOrEqual(Math.min(step.size, left.length))
        } else if (step.do === 'readAtMost') {
          const takes = Buffer.isBuffer(given) ? given.length : Buffer.byteLength(String(given))
          const least = expected({ do: 'read', size: Math.min(step.size, 1) }, left, text)
          expect(left.subarray(0, takes).toString(text ? 'utf8' : 'hex')).toBe(shown)
          expect(takes).toBeLessThanOrEqual(Math.max(step.size, least.takes))
          expect(takes).toBeGreaterThanOrEqual(least.takes)
          left = left.subarray(takes)
        } else {
          const { gives, takes } = expected(step, left, text)
          expect(shown).toBe(gives)
          left = left.subarray(takes)
        }
      }
      const rest = await bytes.bytes().readAll({ limit: 1000 })
      expect(rest.toString('hex')).toBe(left.toString('hex'))
      // What a part did not have is still there for the reader it is of.
      if (part !== null) {
        expect(String(await outer.readAll({ limit: 1000 }))).toBe(String(whole.subarray(part)))
      }
      feeding = false
      await feed
    }),
    { numRuns: RUNS, ...(process.env.SYNCLESS_SEED ? { seed: Number(process.env.SYNCLESS_SEED) } : {}) },
  )
})
