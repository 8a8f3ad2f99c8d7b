/**
 * Random programs over real connections: pieces of random sizes; sends, receives and peeks that are killed, lose a select or
 * time out at random moments; a peer that is slow at random. Whatever they do, what is received is what was sent, each byte
 * once and in order: a piece whose send did not commit is sent again, and would be seen twice if any of it had gone.
 *
 * `SYNCLESS_RUNS=5000 npx jest test/core/nbsocket/property` searches longer.
 */
import fc from 'fast-check'
import { action, type Co, go, type Op, rethrowIfExit, select, timeout } from '../../../src/core/index.js'
import { connect, listen, type NbSocket, socketPair } from '../../../src/core/nbsocket/index.js'
import { assertNoLeaks } from '../../../src/testing/index.js'
import { ca, server as certificate } from '../../host/certificates.js'
import { host, numbered, tcpPair } from './support.js'

const RUNS = Number(process.env.SYNCLESS_RUNS ?? 60)

/** What becomes of an operation: it waits, or is given up after some turns of the event loop. */
interface Fate {
  readonly by: 'waiting' | 'kill' | 'select' | 'timeout'
  readonly turns: number
}

interface Step {
  readonly do: 'some' | 'exactly' | 'peek'
  readonly size: number
  readonly fate: Fate
  /** How long the receiver sleeps after it, in turns. */
  readonly rest: number
}

interface Program {
  readonly over: 'unix' | 'tcp' | 'tls'
  readonly pieces: { readonly size: number; readonly fates: Fate[] }[]
  readonly steps: Step[]
}

const turns = fc.nat({ max: 5 })
const fate: fc.Arbitrary<Fate> = fc.record({
  by: fc.constantFrom('waiting' as const, 'kill' as const, 'select' as const, 'timeout' as const),
  turns,
})
const size = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 1, max: 20 }) },
  { weight: 3, arbitrary: fc.integer({ min: 1, max: 5000 }) },
  { weight: 2, arbitrary: fc.integer({ min: 1, max: 300_000 }) },
)
const program: fc.Arbitrary<Program> = fc.record({
  over: fc.constantFrom('unix' as const, 'tcp' as const, 'tls' as const),
  pieces: fc.array(fc.record({ size, fates: fc.array(fate, { maxLength: 3 }) }), { maxLength: 20 }),
  steps: fc.array(
    fc.record({ do: fc.constantFrom('some' as const, 'exactly' as const, 'peek' as const), size, fate, rest: turns }),
    { maxLength: 12 },
  ),
})

async function pass(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise(resolve => setImmediate(resolve))
}

function after(count: number): Op<void> {
  return action(resolve => {
    let stopped = false
    pass(count).then(() => {
      if (!stopped) resolve()
    })
    return () => {
      stopped = true
    }
  })
}

/** Performs `op`, which meets its fate; `commit` is told what it gave, if it did. Rejects where it failed. */
async function perform<T>(op: Op<T>, { by, turns }: Fate, commit: (value: T) => void): Promise<void> {
  const performing = function* (): Co<void> {
    if (by === 'select') {
      const choice = yield* select({ op, late: after(turns) })
      if (choice.key === 'op') commit(choice.value as T)
    } else if (by === 'timeout') {
      const limited = timeout(
        turns / 5,
        op.map(value => ({ value })),
        { else: null },
      )
      const got = yield* limited
      if (got !== null) commit(got.value)
    } else commit(yield* op)
  }
  let failure: { error: unknown } | null = null
  const tasklet = go(function* () {
    try {
      yield* performing()
    } catch (error) {
      rethrowIfExit(error)
      failure = { error }
    }
  })
  if (by === 'kill') {
    await pass(turns)
    await tasklet.kill()
  } else await tasklet
  if (failure !== null) throw (failure as { error: unknown }).error
}

const patient: Fate = { by: 'waiting', turns: 0 }

async function sendAll(sock: NbSocket, data: Buffer, pieces: Program['pieces']): Promise<void> {
  let at = 0
  for (const { size, fates } of pieces) {
    const piece = data.subarray(at, at + size)
    let sent = false
    for (const each of [...fates, patient]) {
      if (sent) break
      await perform(sock.send(piece), each, () => {
        sent = true
      })
    }
    at += size
  }
  await sock.shutdown()
}

async function receiveAll(sock: NbSocket, expected: Buffer, steps: Step[]): Promise<void> {
  const program = [...steps, { do: 'some', size: 50_000, fate: patient, rest: 0 } as Step]
  let at = 0
  const check = (bytes: Buffer, taken: boolean, most: number) => {
    if (bytes.length > most) throw new Error(`${bytes.length} bytes came where ${most} were asked for`)
    if (!bytes.equals(expected.subarray(at, at + bytes.length))) throw new Error(`other bytes than were sent at ${at}`)
    if (taken) at += bytes.length
    ended = taken && bytes.length === 0
  }
  let ended = false
  while (!ended) {
    for (const step of program) {
      if (ended) break
      if (step.do === 'some') await perform(sock.recv(step.size), step.fate, bytes => check(bytes, true, step.size))
      else if (step.do === 'peek')
        await perform(sock.peek(step.size), step.fate, bytes => check(bytes, false, step.size))
      else {
        await perform(sock.recvExactly(step.size), step.fate, bytes => check(bytes, true, step.size)).catch(error => {
          if (error.code !== 'UNEXPECTED_END' || at + step.size <= expected.length) throw error
        })
      }
      await pass(step.rest)
    }
  }
  if (at !== expected.length) throw new Error(`${at} of ${expected.length} bytes came`)
}

async function ends(over: Program['over']): Promise<readonly [NbSocket, NbSocket]> {
  if (over === 'unix') return socketPair()
  if (over === 'tcp') {
    const { here, there } = await tcpPair({ highWaterMark: 1000 }, { highWaterMark: 1000 })
    return [here, there]
  }
  const server = await listen({ port: 0, host, tls: certificate })
  const both = await Promise.all([server.accept(), connect({ port: server.port, host, tls: { ca } })])
  await server.close()
  return both
}

test('no byte is lost, doubled or out of order', async () => {
  await assertNoLeaks(() =>
    fc.assert(
      fc.asyncProperty(program, async ({ over, pieces, steps }) => {
        const [left, right] = await ends(over)
        const data = numbered(pieces.reduce((sum, { size }) => sum + size, 0))
        try {
          await Promise.all([sendAll(left, data, pieces), receiveAll(right, data, steps)])
        } finally {
          left.destroy()
          right.destroy()
        }
      }),
      { numRuns: RUNS },
    ),
  )
}, 120_000)
