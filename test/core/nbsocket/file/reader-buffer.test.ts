import fc from 'fast-check'
import { ReaderBuffer } from '../../../../src/core/nbsocket/file/reader-buffer.js'

const bytes = fc.uint8Array({ maxLength: 40 }).map(array => Buffer.from(array))
const small = fc.nat({ max: 50 })

const step = fc.oneof(
  fc.record({ do: fc.constant('append' as const), bytes }),
  fc.record({ do: fc.constant('prepend' as const), bytes }),
  fc.record({ do: fc.constant('take' as const), count: small }),
  fc.record({ do: fc.constant('drop' as const), count: small }),
  fc.record({ do: fc.constant('copy' as const), from: small, to: small }),
  fc.record({ do: fc.constant('find' as const), byte: fc.nat({ max: 3 }), from: small, to: small }),
)

test('it is a sequence of bytes, whatever is done to it (property)', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), steps => {
      const buffer = new ReaderBuffer()
      let model = Buffer.alloc(0)
      const handed: [Buffer, string][] = []
      for (const step of steps) {
        const { length } = model
        if (step.do === 'append') {
          buffer.append(step.bytes)
          model = Buffer.concat([model, step.bytes])
        } else if (step.do === 'prepend') {
          buffer.prepend(step.bytes)
          model = Buffer.concat([step.bytes, model])
        } else if (step.do === 'take') {
          const taken = buffer.take(Math.min(step.count, length))
          expect(taken).toEqual(model.subarray(0, step.count))
          handed.push([taken, taken.toString('hex')])
          model = model.subarray(step.count)
        } else if (step.do === 'drop') {
          buffer.drop(Math.min(step.count, length))
          model = model.subarray(step.count)
        } else {
          const from = Math.min(step.from, length)
          const to = Math.min(step.to, length)
          if (step.do === 'copy') expect(buffer.copy(from, to)).toEqual(model.subarray(from, to))
          else {
            const what = Buffer.from([step.byte])
            const at = model.subarray(from, to).indexOf(what)
            expect(buffer.indexOf(what, from, to)).toBe(at < 0 ? -1 : from + at)
            const last = model.subarray(from, to).lastIndexOf(what)
            expect(buffer.lastIndexOf(what, from, to)).toBe(last < 0 ? -1 : from + last)
          }
        }
        expect(buffer.length).toBe(model.length)
      }
      expect(buffer.view(0, buffer.length)).toEqual(model)
      // What was given away is not written to any more.
      for (const [taken, hex] of handed) expect(taken.toString('hex')).toBe(hex)
    }),
  )
})

test('a chunk that comes into an empty buffer is neither copied nor written to', () => {
  const chunk = Buffer.from('chunk')
  const buffer = new ReaderBuffer()
  buffer.append(chunk)
  expect(buffer.take(5).buffer).toBe(chunk.buffer)
  buffer.append(chunk)
  buffer.drop(3)
  buffer.prepend(Buffer.from('CHU'))
  buffer.append(Buffer.from('y'))
  expect(String(buffer.take(6))).toBe('CHUnky')
  expect(String(chunk)).toBe('chunk')
})

test('a small piece does not hold a large memory', () => {
  const buffer = new ReaderBuffer()
  buffer.append(Buffer.alloc(1e6))
  buffer.drop(1e6 - 10)
  expect(buffer.take(10).buffer.byteLength).toBeLessThan(1e5)
})
