import { List } from '../../../src/core/base/list.js'
import { Buffer } from '../../../src/core/channel/ring-buffer.js'
import { Random } from '../../../src/core/loop/random.js'

interface Item {
  readonly name: string
  before: Item | null
  after: Item | null
}

const item = (name: string): Item => ({ name, before: null, after: null })

function names(list: List<Item>): string {
  let forward = ''
  let backward = ''
  for (let node = list.head; node !== null; node = node.after) forward += node.name
  for (let node = list.tail; node !== null; node = node.before) backward = node.name + backward
  expect(backward).toBe(forward)
  expect(list.length).toBe(forward.length)
  return forward
}

test('a list takes at its end, and gives up any node', () => {
  const list = new List<Item>()
  const [a, b, c, d] = ['a', 'b', 'c', 'd'].map(item) as [Item, Item, Item, Item]
  list.pushBack(a)
  list.pushBack(b)
  list.pushBack(c)
  list.pushBack(d)
  expect(names(list)).toBe('abcd')
  list.remove(b)
  expect(names(list)).toBe('acd')
  list.remove(d)
  expect(names(list)).toBe('ac')
  expect(list.shift()).toBe(a)
  expect(list.shift()).toBe(c)
  expect(list.shift()).toBe(null)
  expect(names(list)).toBe('')
  list.pushBack(b)
  expect(names(list)).toBe('b')
})

test('removal does not walk the list', () => {
  const list = new List<Item>()
  const nodes = Array.from({ length: 5 }, (_, i) => item(String(i)))
  for (const node of nodes) list.pushBack(node)
  const [first, , middle, , last] = nodes
  const touched = new Set<string>()
  for (const node of [first!, last!]) {
    for (const link of ['before', 'after'] as const) {
      let value = node[link]
      Object.defineProperty(node, link, {
        get: () => {
          touched.add(node.name)
          return value
        },
        set: next => {
          touched.add(node.name)
          value = next
        },
      })
    }
  }
  list.remove(middle!)
  expect([...touched]).toEqual([])
})

test('a buffer keeps the order over many turns and grows', () => {
  const buffer = new Buffer<number>()
  let pushed = 0
  let shifted = 0
  for (let round = 0; round < 200; round++) {
    for (let i = 0; i < round % 17; i++) buffer.push(pushed++)
    for (let i = 0; i < round % 13 && buffer.length > 0; i++) expect(buffer.shift()).toBe(shifted++)
  }
  expect(buffer.length).toBe(pushed - shifted)
  while (buffer.length > 0) expect(buffer.shift()).toBe(shifted++)
  expect(shifted).toBe(pushed)
})

test('the generator is even, and the same for the same seed', () => {
  const counts = Array(7).fill(0)
  const random = new Random(5)
  for (let i = 0; i < 14_000; i++) counts[random.below(7)]++
  for (const count of counts) expect(Math.abs(count - 2000)).toBeLessThan(200)
  const draw = (seed: number) => {
    const generator = new Random(seed)
    return Array.from({ length: 20 }, () => generator.below(100))
  }
  expect(draw(9)).toEqual(draw(9))
  expect(draw(9)).not.toEqual(draw(10))
})
