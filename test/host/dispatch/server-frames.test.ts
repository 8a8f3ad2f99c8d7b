import fc from 'fast-check'
import { ServerFrames } from '../../../src/host/dispatch/server-frames.js'

const head = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n'

function frame(opcode: number, length: number): Buffer {
  const payload = Buffer.alloc(length, 0x88)
  if (length < 126) return Buffer.concat([Buffer.from([0x80 | opcode, length]), payload])
  const header = Buffer.alloc(length < 65_536 ? 4 : 10)
  header[0] = 0x80 | opcode
  header[1] = length < 65_536 ? 126 : 127
  if (length < 65_536) header.writeUInt16BE(length, 2)
  else header.writeBigUInt64BE(BigInt(length), 2)
  return Buffer.concat([header, payload])
}

test('is between frames where a frame has ended, however its bytes are cut', () => {
  const lengths = fc.array(fc.oneof(fc.integer({ min: 0, max: 300 }), fc.constantFrom(125, 126, 65_535, 65_536)), {
    maxLength: 5,
  })
  fc.assert(
    fc.property(lengths, fc.array(fc.integer({ min: 1, max: 70_000 })), (lengths, cuts) => {
      const parts = [Buffer.from(head), ...lengths.map(length => frame(2, length))]
      const all = Buffer.concat(parts)
      const ends = new Set<number>()
      let end = 0
      for (const part of parts) {
        end += part.length
        ends.add(end)
      }
      const frames = new ServerFrames()
      let at = 0
      for (const cut of [...cuts, all.length]) {
        const next = Math.min(all.length, at + cut)
        frames.wrote(all.subarray(at, next))
        at = next
        expect(frames.between).toBe(ends.has(at))
      }
    }),
    { numRuns: 60 },
  )
})

test.each([
  ['another answer', 'HTTP/1.1 400 Bad Request\r\n\r\n'],
  ['after a close frame', `${head}\x88\x02\x03\xe8`],
  ['a masked frame', `${head}\x81\x80\x01\x02\x03\x04`],
  ['another protocol', `${head}hello`],
])('%s: never', (_what, text) => {
  const frames = new ServerFrames()
  frames.wrote(Buffer.from(text, 'latin1'))
  expect(frames.between).toBe(false)
})
