import fc from 'fast-check'
import type { Decoder } from '../../../../src/adapters/shared/bytes/decoder.js'
import {
  decodeFrames,
  decodeLines,
  decodeNdjson,
  decodeSse,
  type FrameOptions,
  frames,
  lines,
  ndjson,
  type ServerSentEvent,
  sse,
} from '../../../../src/adapters/stream/index.js'

const invalid = expect.objectContaining({ code: 'INVALID_ARGUMENT' })
const tooLarge = expect.objectContaining({ code: 'FRAME_TOO_LARGE' })
const badFrame = expect.objectContaining({ code: 'FRAME_INVALID' })

/** Everything that a decoder makes of bytes that come cut at `cuts`. */
function decoded<T>(make: () => Decoder<T>, bytes: Uint8Array, cuts: readonly number[] = []): T[] {
  const decoder = make()
  const values: T[] = []
  for (const [start, end] of pieces(bytes.length, cuts)) values.push(...decoder.push(bytes.subarray(start, end)))
  return [...values, ...decoder.end()]
}

/** Where the pieces of `length` bytes begin and end. */
function pieces(length: number, cuts: readonly number[]): [number, number][] {
  const ends = [...cuts.map(at => at % (length + 1)).sort((a, b) => a - b), length]
  return ends.map((end, index) => [ends[index - 1] ?? 0, end])
}

const cuts = fc.array(fc.nat({ max: 10_000 }), { maxLength: 20 })
const text = fc.string({ unit: 'binary' })

describe('wherever the chunks are cut, what was encoded is decoded (property)', () => {
  test('lines', () => {
    const line = text.map(value => value.replace(/[\r\n]/g, ' '))
    fc.assert(
      fc.property(fc.array(line), cuts, (values, at) => {
        const bytes = Buffer.from(values.map(lines).join(''))
        expect(decoded(decodeLines(), bytes, at)).toEqual(values.map(value => Buffer.from(value).toString()))
      }),
    )
  })

  test('NDJSON', () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue()), cuts, (values, at) => {
        const bytes = Buffer.from(values.map(ndjson).join(''))
        expect(decoded(decodeNdjson(), bytes, at)).toEqual(values.map(value => JSON.parse(JSON.stringify(value))))
      }),
    )
  })

  test('frames', () => {
    const options = fc.record({
      size: fc.constantFrom(1, 2, 4),
      littleEndian: fc.boolean(),
    }) as fc.Arbitrary<FrameOptions>
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 })), options, cuts, (values, how, at) => {
        const bytes = Buffer.concat(values.map(value => Buffer.from(frames(how)(value))))
        expect(decoded(decodeFrames(how), bytes, at)).toEqual(values.map(value => Buffer.from(value)))
      }),
    )
  })

  test('server-sent events', () => {
    const word = fc.string().map(value => value.replace(/[\r\n\0]/g, ''))
    const event = fc.record({ data: fc.array(word).map(all => all.join('\n')), event: word, id: word })
    fc.assert(
      fc.property(fc.array(event), cuts, fc.constantFrom('\n', '\r\n', '\r'), (values, at, end) => {
        const bytes = Buffer.from(values.map(value => sse(value).replaceAll('\n', end)).join(''))
        const expected = values.map(value => ({ ...value, event: value.event || 'message' }))
        expect(decoded(decodeSse(), bytes, at)).toEqual(expected)
      }),
    )
  })
})

test('wherever the chunks are cut, a bad value does not take those before it with it (property)', () => {
  const kinds: [() => Decoder<unknown>, (value: string) => Uint8Array | string, Uint8Array | string][] = [
    [decodeLines({ limit: 9 }), lines, '0123456789\n'],
    [decodeNdjson(), ndjson, 'no\n'],
    [decodeSse({ limit: 20 }), data => sse({ data }), sse({ data: '0123456789012345' })],
    [decodeFrames({ limit: 9, size: 1 }), frames({ size: 1 }), Uint8Array.of(10)],
  ]
  const word = fc.string({ maxLength: 8 }).map(value => value.replace(/[^a-z]/g, ''))
  fc.assert(
    fc.property(fc.constantFrom(...kinds), fc.array(word), cuts, ([make, encode, bad], words, at) => {
      const bytes = Buffer.concat([...words.map(encode), bad, encode('late')].map(part => Buffer.from(part)))
      const seen: unknown[] = []
      const decode = () => {
        const decoder = make()
        for (const [start, end] of pieces(bytes.length, at)) {
          for (const value of decoder.push(bytes.subarray(start, end))) seen.push(value)
        }
      }
      expect(decode).toThrow(expect.objectContaining({ code: expect.stringMatching(/^FRAME_/) }))
      expect(seen.length).toBe(words.length)
    }),
  )
})

describe('lines', () => {
  test('end with LF or CRLF, and the last one with the stream', () => {
    expect(decoded(decodeLines(), Buffer.from('a\r\n\nb\rc\nd'))).toEqual(['a', '', 'b\rc', 'd'])
    expect(decoded(decodeLines(), Buffer.from(''))).toEqual([])
  })

  test('have a limit, which nothing is kept beyond', () => {
    const make = decodeLines({ limit: 4 })
    expect(decoded(make, Buffer.from('1234\n1234'))).toEqual(['1234', '1234'])
    expect(() => decoded(make, Buffer.from('12345\n'))).toThrow(tooLarge)
    const endless = make()
    endless.push(Buffer.from('123'))
    expect(() => endless.push(Buffer.from('45'))).toThrow(tooLarge)
  })
})

describe('NDJSON', () => {
  test('skips empty lines, and names the line that is none', () => {
    expect(decoded(decodeNdjson(), Buffer.from('1\n\n \n2'))).toEqual([1, 2])
    expect(() => decoded(decodeNdjson(), Buffer.from('1\n\nno\n'))).toThrow(
      expect.objectContaining({ code: 'FRAME_INVALID', message: 'line 3 is not valid JSON', cause: expect.anything() }),
    )
  })
})

describe('frames', () => {
  test('refuse a length beyond the limit before its bytes come', () => {
    const decoder = decodeFrames({ limit: 10 })()
    expect(() => decoder.push(Buffer.from([0, 0, 0, 11]))).toThrow(tooLarge)
    expect(() => decodeFrames()().push(Buffer.from([255, 255, 255, 255]))).toThrow(tooLarge)
  })

  test('refuse a stream that ends within a length or a frame', () => {
    for (const cut of [[0], [0, 2], [0, 2, 7]]) {
      expect(() => decoded(decodeFrames({ size: 2 }), Buffer.from(cut))).toThrow(badFrame)
    }
  })

  test('refuse what does not fit their length', () => {
    expect(() => frames({ size: 1 })(new Uint8Array(256))).toThrow(invalid)
    expect(frames({ size: 1 })(new Uint8Array(255)).length).toBe(256)
    for (const size of [0, 3, 8] as never[]) {
      expect(() => frames({ size })).toThrow(invalid)
      expect(() => decodeFrames({ size })).toThrow(invalid)
    }
  })
})

describe('server-sent events', () => {
  test('follow the standard where it is odd', () => {
    const stream = [
      '\uFEFFdata: with a mark before it\n\n',
      'data\n\n', // no value
      'data:no space\ndata:  two spaces\n\n',
      'event: unused\n\n', // no data: not dispatched, and forgotten
      'data: plain\n\n',
      ': heartbeat\n',
      'id: 7\ndata: a\n\n',
      'id: with\0nul\nretry: 5\nunknown: x\ndata: b\n\n',
      'id\ndata: c\n\n',
      'data: lost',
    ].join('')
    expect(decoded(decodeSse(), Buffer.from(stream))).toEqual([
      { event: 'message', data: 'with a mark before it', id: '' },
      { event: 'message', data: '', id: '' },
      { event: 'message', data: 'no space\n two spaces', id: '' },
      { event: 'message', data: 'plain', id: '' },
      { event: 'message', data: 'a', id: '7' },
      { event: 'message', data: 'b', id: '7' },
      { event: 'message', data: 'c', id: '' },
    ])
  })

  test('have a limit, to which heartbeats do not count', () => {
    const decoder = decodeSse({ limit: 20 })()
    for (let i = 0; i < 100; i++) expect(decoder.push(Buffer.from(': heartbeat\n'))).toEqual([])
    expect(() => decoder.push(Buffer.from('data: 1234567890\ndata: 1234567890\n'))).toThrow(tooLarge)
  })

  test('have a limit of bytes, not of characters', () => {
    const make = decodeSse({ limit: 20 })
    expect(decoded(make, Buffer.from('data: ééééééé\n\n'))).toHaveLength(1)
    expect(() => decoded(make, Buffer.from('data: éééééééé\n\n'))).toThrow(tooLarge)
    const decoder = make()
    for (let i = 0; i < 100; i++) expect(decoder.push(Buffer.from(': ééé\n'))).toEqual([])
  })

  test('refuse fields that would be others', () => {
    const bad: ServerSentEvent[] = [{ event: 'a\nb' }, { id: 'a\rb' }, { id: 'a\0' }, { retry: 1.5 }, { retry: -1 }]
    for (const event of bad) expect(() => sse(event)).toThrow(invalid)
    expect(sse({ retry: 100, comment: 'a\nb' })).toBe(': a\n: b\nretry: 100\n\n')
  })
})

test.each([0, -1, 1.5, Number.NaN])('a limit of %p is refused', limit => {
  for (const decode of [decodeLines, decodeNdjson, decodeSse, decodeFrames]) {
    expect(() => decode({ limit })).toThrow(invalid)
  }
})

describe('bytes that nobody has encoded (property)', () => {
  const LIMIT = 64
  const decoders: Record<string, () => Decoder<unknown>> = {
    lines: decodeLines({ limit: LIMIT }),
    NDJSON: decodeNdjson({ limit: LIMIT }),
    'server-sent events': decodeSse({ limit: LIMIT }),
    'frames of 1': decodeFrames({ limit: LIMIT, size: 1 }),
    'frames of 2': decodeFrames({ limit: LIMIT, size: 2 }),
    'frames of 4': decodeFrames({ limit: LIMIT, size: 4 }),
  }
  /** Bytes that mean something to some of them, among others. */
  const meant = fc.constantFrom(...Buffer.from('\r\n:{}[]",0 dataeventidretry\0\x01\xef\xbb\xbf', 'latin1'))
  const bytes = fc.array(fc.oneof(meant, fc.nat({ max: 255 })), { maxLength: 300 }).map(list => Uint8Array.from(list))

  /** The values, and the code of what it ended with. */
  function outcomeOf(make: () => Decoder<unknown>, input: Uint8Array, at: readonly number[]): unknown {
    const decoder = make()
    const values: unknown[] = []
    try {
      for (const [start, end] of pieces(input.length, at)) {
        for (const value of decoder.push(input.subarray(start, end))) values.push(value)
      }
      for (const value of decoder.end()) values.push(value)
      return { values }
    } catch (error) {
      return { values, code: (error as { code?: unknown }).code }
    }
  }

  test.each(Object.entries(decoders))(
    '%s: the same values however they are cut, and no error but a coded one',
    (_name, make) => {
      fc.assert(
        fc.property(bytes, cuts, (input, at) => {
          const whole = outcomeOf(make, input, [])
          expect(outcomeOf(make, input, at)).toEqual(whole)
          const { code } = whole as { code?: string }
          expect([undefined, 'FRAME_INVALID', 'FRAME_TOO_LARGE']).toContain(code)
        }),
        { numRuns: 300, seed: 7 },
      )
    },
  )

  test.each(Object.entries(decoders))(
    '%s: a value that never ends is refused at the limit, byte by byte',
    (_name, make) => {
      const decoder = make()
      const byte = Uint8Array.of(0x61)
      let taken = 0
      expect(() => {
        for (; taken < 100_000; taken++) for (const _ of decoder.push(byte));
      }).toThrow(tooLarge)
      expect(taken).toBeLessThanOrEqual(LIMIT + 4)
    },
  )
})
