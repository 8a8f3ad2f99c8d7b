import fc from 'fast-check'
import { type TextEncoding, textForm } from '../../../../src/core/nbsocket/file/reader-text.js'

/** Gives the text of `bytes` in pieces of at most `size` bytes, each as far as characters are whole. */
function pieces(bytes: Buffer, size: number, encoding: TextEncoding): string[] {
  const form = textForm(encoding)
  const texts: string[] = []
  let rest = bytes
  while (rest.length > 0) {
    let length = Math.min(size, rest.length)
    let whole = form.whole(rest.subarray(0, length))
    while (whole === 0 && length < rest.length) whole = form.whole(rest.subarray(0, ++length))
    if (whole === 0) whole = rest.length
    texts.push(form.from(rest.subarray(0, whole)))
    rest = rest.subarray(whole)
  }
  return texts
}

/** Bytes in which the borders of what UTF-8 allows are frequent. */
const odd = fc.constantFrom(
  0,
  0x7f,
  0x80,
  0x8f,
  0x90,
  0x9f,
  0xa0,
  0xbf,
  0xc1,
  0xc2,
  0xdf,
  0xe0,
  0xed,
  0xef,
  0xf0,
  0xf4,
  0xf5,
  0xff,
)
const bytes = fc.array(odd, { maxLength: 24 }).map(array => Buffer.from(array))
const size = fc.integer({ min: 1, max: 9 })

test('text in pieces is the whole text, also of what is no UTF-8 (property)', () => {
  fc.assert(
    fc.property(bytes, size, (bytes, size) => {
      expect(pieces(bytes, size, 'utf8').join('')).toBe(bytes.toString('utf8'))
      expect(pieces(bytes, size, 'latin1').join('')).toBe(bytes.toString('latin1'))
    }),
    { numRuns: 5000 },
  )
})

test('no piece ends within a character (property)', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 20 }), size, (text, size) => {
      const given = pieces(Buffer.from(text), size, 'utf8')
      expect(given.join('')).toBe(text)
      for (const piece of given) expect(piece).not.toContain('\ufffd'.repeat(text.includes('\ufffd') ? 99 : 1))
    }),
  )
})

test('another encoding is refused', () => {
  expect(() => textForm('utf16le' as TextEncoding)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
})
