import { SynclessError } from '../../base/errors.js'
import type { ReaderBuffer } from './reader-buffer.js'

/** The encoding by which the bytes of a file are read as text. */
export type TextEncoding = 'utf8' | 'latin1'

/** @internal The form of a reader's results: bytes, or text of these bytes. */
export interface Form<D> {
  readonly name: 'bytes' | TextEncoding
  /** Returns how many of `bytes` may be given without cutting a character; all of them if no more will come. */
  whole(bytes: Buffer): number
  from(bytes: Buffer): D
  /** Takes the first `size` buffered bytes. */
  take(buffer: ReaderBuffer, size: number): D
}

/** @internal */
export const bytesForm: Form<Buffer> = {
  name: 'bytes',
  whole: bytes => bytes.length,
  from: bytes => bytes,
  take: (buffer, size) => buffer.take(size),
}

const textForms: Record<TextEncoding, Form<string>> = {
  utf8: decoded('utf8', wholeUtf8),
  latin1: decoded('latin1', bytes => bytes.length),
}

function decoded(name: TextEncoding, whole: (bytes: Buffer) => number): Form<string> {
  const from = (bytes: Buffer) => bytes.toString(name)
  const take = (buffer: ReaderBuffer, size: number) => {
    const text = from(buffer.view(0, size))
    buffer.drop(size)
    return text
  }
  return { name, whole, from, take }
}

/** @internal Throws `INVALID_ARGUMENT` if the encoding is unknown. */
export function textForm(encoding: TextEncoding): Form<string> {
  if (Object.hasOwn(textForms, encoding)) return textForms[encoding]
  throw new SynclessError('INVALID_ARGUMENT', `text is read as 'utf8' or 'latin1', not as ${String(encoding)}`)
}

/**
 * Returns the length without the beginning of a character whose end may still come. Bytes that are not UTF-8 count as
 * whole: they become U+FFFD.
 */
function wholeUtf8(bytes: Buffer): number {
  const { length } = bytes
  for (let back = 1; back <= 3 && back <= length; back++) {
    const byte = bytes[length - back] as number
    if ((byte & 0xc0) === 0x80) continue
    return back < characterLength(byte, bytes[length - back + 1]) ? length - back : length
  }
  return length
}

/** Returns the number of bytes of the character that begins with `first`; 1 if the two bytes begin no character. */
function characterLength(first: number, second: number | undefined): number {
  if (first < 0xc2 || first > 0xf4) return 1
  if (first < 0xe0) return 2
  if (second !== undefined && !maySecond(first, second)) return 1
  return first < 0xf0 ? 3 : 4
}

/** Returns whether the character is in its shortest form, no half of a surrogate pair, and not beyond U+10FFFF. */
function maySecond(first: number, second: number): boolean {
  if (first === 0xe0) return second >= 0xa0
  if (first === 0xed) return second < 0xa0
  if (first === 0xf0) return second >= 0x90
  if (first === 0xf4) return second < 0x90
  return true
}
