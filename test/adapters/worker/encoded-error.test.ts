import fc from 'fast-check'
import { decodeError, encodeError } from '../../../src/adapters/worker/encoded-error.js'
import { isFrame } from '../../../src/adapters/worker/frames.js'

const plain = { name: 'Error', message: 'm', stack: 's', more: {} }

/** How many errors there are in it, each counted once. */
function count(error: unknown, seen = new Set<unknown>()): number {
  if (!(error instanceof Error) || seen.has(error)) return seen.size
  seen.add(error)
  count(error.cause, seen)
  for (const inner of (error as { errors?: unknown[] }).errors ?? []) count(inner, seen)
  return seen.size
}

test('what is no text is none', () => {
  const forged = { toString: 1, valueOf: 1 }
  const error = decodeError({ ...plain, message: forged, stack: forged, more: { code: forged } }) as Error
  expect([error.message, typeof error.stack, 'code' in error]).toEqual(['', 'string', false])
})

test('errors that are shared are decoded once, however often they stand there', () => {
  let tree: object = plain
  for (let depth = 0; depth < 8; depth++) tree = { ...plain, errors: Array(10).fill(tree) }
  expect(count(decodeError(structuredClone(tree)))).toBe(9)
})

test('an error within itself ends there', () => {
  const circle: Record<string, unknown> = { ...plain }
  circle.cause = circle
  expect(decodeError(structuredClone(circle))).toMatchObject({ message: 'm', cause: undefined })
})

test('a list with more places than values is taken as far as errors are counted', () => {
  const sparse: unknown[] = []
  sparse.length = 2 ** 32 - 1
  const error = decodeError(structuredClone({ ...plain, errors: sparse })) as AggregateError
  expect(error.errors.length).toBeLessThan(1000)
})

test('memory that is shared is not taken for properties', () => {
  const bytes = new Uint8Array(new SharedArrayBuffer(2 ** 28))
  expect(Object.keys(decodeError({ ...plain, more: bytes }) as object)).toEqual([])
  expect(isFrame(bytes)).toBe(false)
})

test('errors of this side that share their inner errors are bounded, too', () => {
  let tree = new Error('leaf')
  for (let depth = 0; depth < 8; depth++) tree = new AggregateError(Array(10).fill(tree), `level ${depth}`)
  expect(JSON.stringify(encodeError(tree)).length).toBeLessThan(2_000_000)
})

test('whatever comes, decoding throws nothing', () => {
  const part = fc.anything({ withMap: true, withSparseArray: true, withTypedArray: true, withNullPrototype: true })
  const parts = { name: part, message: part, stack: part, cause: part, errors: part, more: part, own: fc.boolean() }
  fc.assert(
    fc.property(fc.oneof(part, fc.record(parts, { requiredKeys: [] })), encoded => {
      decodeError(encoded)
      decodeError({ ...plain, cause: encoded, errors: [encoded] })
    }),
  )
})
