import { assertOverflow, offer } from '../../../src/core/channel/overflow.js'
import { channel, type Overflow } from '../../../src/core/index.js'
import { outcome } from '../support.js'

const invalid = expect.objectContaining({ code: 'INVALID_ARGUMENT' })

test.each<[Overflow, capacity: number, kept: number[], dropped: number, goesOn: boolean]>([
  ['drop-oldest', 1, [4], 3, true],
  ['drop-oldest', 2, [3, 4], 2, true],
  ['drop-oldest', 4, [1, 2, 3, 4], 0, true],
  ['drop-newest', 0, [], 4, true],
  ['drop-newest', 2, [1, 2], 2, true],
  ['latest', 1, [4], 3, true],
  ['latest', 3, [4], 3, true],
  ['error', 0, [], 1, false],
  ['error', 2, [1, 2], 1, false],
  ['error', 4, [1, 2, 3, 4], 0, true],
])('%s with room for %d keeps %j of four, and counts %d', async (policy, capacity, kept, dropped, goesOn) => {
  const ch = channel<number>(capacity)
  assertOverflow(policy, capacity)
  const taken = [1, 2, 3, 4].map(n => offer(ch, n, policy))
  expect(taken).toEqual([1, 2, 3, 4].map(n => goesOn || n <= capacity))
  expect(ch.statistics().dropped).toBe(dropped)
  for (const n of kept) expect(ch.tryReceive()).toEqual({ ok: true, value: n })
  if (goesOn) expect(ch.tryReceive()).toEqual({ ok: false, done: false })
  else expect(await outcome(ch.receive())).toMatchObject({ code: 'OVERFLOW' })
})

test.each<Overflow>(['drop-oldest', 'drop-newest', 'latest', 'error'])(
  '%s hands over to a receiver that waits, and drops nothing for one that has left',
  async policy => {
    const ch = channel<number>(1)
    const received = ch.receive().then()
    expect([offer(ch, 1, policy), await received]).toEqual([true, 1])
    ch.cancel()
    expect([offer(ch, 2, policy), ch.statistics().dropped]).toEqual([false, 0])
  },
)

test.each([
  ['newest', 1],
  [undefined, 1],
  [5, 1],
  ['block', 1],
  ['drop-oldest', 0],
  ['latest', 0],
] as const)('the policy %p with a capacity of %d is refused', (policy, capacity) =>
  expect(() => assertOverflow(policy, capacity)).toThrow(invalid),
)
