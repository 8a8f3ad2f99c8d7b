import fc from 'fast-check'
import { lines, ndjson } from '../../../src/adapters/stream/index.js'

test('ndjson writes one value a line, that JSON reads back (property)', () => {
  fc.assert(
    fc.property(fc.array(fc.jsonValue()), values => {
      const text = values.map(ndjson).join('')
      expect(text.split('\n').length).toBe(values.length + 1)
      const read = text.split('\n').slice(0, -1)
      expect(read.map(line => JSON.parse(line))).toEqual(values.map(value => JSON.parse(JSON.stringify(value))))
    }),
  )
})

test('ndjson refuses what has no JSON text', () => {
  for (const value of [undefined, () => {}, Symbol('s')])
    expect(() => ndjson(value)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
})

test('lines writes one value a line', () => {
  expect(['a', 1, null].map(lines)).toEqual(['a\n', '1\n', 'null\n'])
})
