import { channel } from '../../../src/core/channel/channel.js'
import { SendNode } from '../../../src/core/channel/channel-nodes.js'
import { ChannelQueue } from '../../../src/core/channel/channel-queue.js'
import type { Node } from '../../../src/core/loop/op.js'
import { Random } from '../../../src/core/loop/random.js'

test('a queue of a channel takes at its end, and gives up any node', () => {
  const ch = channel<number>()
  const queue = new ChannelQueue()
  const random = new Random(3)
  let expected: Node<unknown>[] = []
  const lengths = new Set<number>()
  for (let step = 0; step < 3000; step++) {
    const grows = random.below(2) === 0
    if (grows) {
      const node = new SendNode(ch, step)
      queue.pushBack(node)
      expected.push(node)
    } else if (random.below(3) === 0) {
      expect(queue.shift()).toBe(expected.shift() ?? null)
    } else if (expected.length > 0) {
      const node = expected[random.below(expected.length)]!
      queue.remove(node)
      expect([node.before, node.after]).toEqual([null, null])
      expected = expected.filter(other => other !== node)
    }
    const found: Node<unknown>[] = []
    for (let node = queue.head; node !== null; node = node.after) found.push(node)
    expect(found.length).toBe(queue.length)
    expect(found.every((node, i) => node === expected[i])).toBe(true)
    expect(found.length).toBe(expected.length)
    lengths.add(queue.length)
  }
  expect(lengths.size).toBeGreaterThan(10)
})
