import { Gathered } from '../../src/adapters/gathered.js'

test('many small parts cost what they have, and none of what they were cut from is kept', () => {
  const gathered = new Gathered()
  const chunk = Buffer.alloc(64 * 1024, 'a')
  for (let i = 0; i < 10_000; i++) gathered.add(chunk.subarray(i, i + 1), 1_000_000)
  expect(gathered.length).toBe(10_000)
  const all = gathered.take()
  expect(all.equals(chunk.subarray(0, 10_000))).toBe(true)
  expect(all.buffer.byteLength).toBeLessThanOrEqual(20_000)
  expect(gathered.length).toBe(0)
})

test('it never has more room than it may need', () => {
  const gathered = new Gathered()
  for (let i = 0; i < 3; i++) gathered.add(Buffer.alloc(5000, i), 15_000)
  expect(gathered.take().buffer.byteLength).toBe(15_000)
})
