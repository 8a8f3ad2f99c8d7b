import { Channel } from '../../../src/core/channel/channel.js'
import { channel, go, type Op } from '../../../src/core/index.js'
import { idle, rejection } from '../support.js'

// `ChannelNode.next` writes out what `Node.next` does: here is what both have to see to.

test.each(['send', 'receive', 'next'] as const)('a %s that committed at once is refused a second time', async kind => {
  const ch = channel<number>(3)
  await ch.send(1)
  await ch.send(2)
  const op: Op<unknown> = kind === 'send' ? ch.send(3) : ch[kind]()
  const error = await rejection(
    go(function* () {
      yield* op
      yield* op
    }),
  )
  expect(error).toMatchObject({ code: 'OP_REUSED' })
  expect(ch.buffered).toBe(kind === 'send' ? 3 : 1)
})

test('an operation performed while another was left waiting is refused, and takes nothing', async () => {
  const ch = channel<number>(1)
  await ch.send(1)
  const error = await rejection(
    go(function* () {
      channel().receive()[Symbol.iterator]().next()
      yield* ch.receive()
    }),
  )
  expect(error).toMatchObject({ code: 'MISUSE' })
  expect(ch.buffered).toBe(1)
})

test('a receive that is given its value as it begins to wait goes on at once', async () => {
  class Eager extends Channel<number> {
    override demanded(): void {
      this.trySend(1)
    }
  }
  const ch = new Eager(0)
  const t = go(function* () {
    return yield* ch.receive()
  })
  await idle()
  expect(t.state).toBe('done')
  expect(await t).toBe(1)
})
