// Large enough not to be cut from the pool of Node.
import { ByteAccumulator } from '../../../../src/adapters/shared/bytes/byte-accumulator.js'

test('many small parts cost what they have, and none of what they were cut from is kept', () => {
  const gathered = new ByteAccumulator()
  const chunk = Buffer.alloc(128 * 1024, 'a')
  for (let i = 0; i < 100_000; i++) gathered.add(chunk.subarray(i, i + 1), 1_000_000)
  expect(gathered.length).toBe(100_000)
  const all = gathered.take()
  expect(all.equals(chunk.subarray(0, 100_000))).toBe(true)
  expect(all.buffer.byteLength).toBeLessThanOrEqual(200_000)
  expect(gathered.length).toBe(0)
})

test('it never has more room than it may need', () => {
  const gathered = new ByteAccumulator()
  for (let i = 0; i < 3; i++) gathered.add(Buffer.alloc(50_000, i), 150_000)
  expect(gathered.take().buffer.byteLength).toBe(150_000)
})
