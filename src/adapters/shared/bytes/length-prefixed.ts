import { SynclessError } from '../../../core/base/errors.js'
import { ByteAccumulator } from './byte-accumulator.js'
import { type Decoder, decodedBy, tooLarge } from './decoder.js'
import type { Encoder } from './encoders.js'

/** The format of the length before each frame. */
export interface FrameOptions {
  /** The size of the length in bytes: 1, 2 or 4, the default. */
  size?: 1 | 2 | 4
  /** Whether the lowest byte of the length comes first. Default false: network order. */
  littleEndian?: boolean
}

/** @internal Throws `INVALID_ARGUMENT` for a size that is none. */
export function frameSize({ size = 4 }: FrameOptions): 1 | 2 | 4 {
  if (size === 1 || size === 2 || size === 4) return size
  throw new SynclessError('INVALID_ARGUMENT', `the length of a frame has 1, 2 or 4 bytes; got ${String(size)}`)
}

/**
 * Makes an encoder for frames of bytes or text, each after its length: an unsigned integer of `size` bytes, in
 * network order. `decodeFrames` is its counterpart. The encoder throws `INVALID_ARGUMENT` for a frame whose length
 * does not fit. `frames` throws it for wrong options.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { frames } from 'syncless/stream'
 *
 * const encode = frames({ size: 2 })
 * assert.deepEqual(encode('hi'), Buffer.from([0, 2, 0x68, 0x69]))
 * ```
 */
export function frames(options: FrameOptions = {}): Encoder<Uint8Array | string> {
  const size = frameSize(options)
  return value => {
    const bytes = typeof value === 'string' ? Buffer.from(value) : value
    if (bytes.length >= 2 ** (8 * size)) {
      throw new SynclessError(
        'INVALID_ARGUMENT',
        `set a larger size or send smaller frames: a length of ${size} bytes cannot count ${bytes.length} bytes`,
      )
    }
    const frame = Buffer.allocUnsafe(size + bytes.length)
    if (options.littleEndian) frame.writeUIntLE(bytes.length, 0, size)
    else frame.writeUIntBE(bytes.length, 0, size)
    frame.set(bytes, size)
    return frame
  }
}

/** @internal */
export class FrameDecoder implements Decoder<Buffer> {
  readonly #limit: number
  readonly #size: 1 | 2 | 4
  readonly #littleEndian: boolean
  /** What has come of the next piece: a length, or the frame after it. */
  readonly #begun = new ByteAccumulator()
  /** How many bytes that piece has. */
  #need: number
  #inFrame = false

  constructor(limit: number, size: 1 | 2 | 4, littleEndian: boolean) {
    this.#limit = limit
    this.#size = size
    this.#littleEndian = littleEndian
    this.#need = size
  }

  push(chunk: Uint8Array): Iterable<Buffer> {
    return decodedBy(frames => {
      let rest = chunk
      for (;;) {
        const part = rest.subarray(0, this.#need - this.#begun.length)
        this.#begun.add(part, this.#need)
        rest = rest.subarray(part.length)
        if (this.#begun.length < this.#need) return
        const piece = this.#begun.take()
        if (this.#inFrame) frames.push(piece)
        this.#need = this.#inFrame ? this.#size : this.#lengthOf(piece)
        this.#inFrame = !this.#inFrame
      }
    })
  }

  end(): Iterable<Buffer> {
    if (!this.#inFrame && this.#begun.length === 0) return []
    throw new SynclessError('FRAME_INVALID', 'the stream ended in the middle of a frame')
  }

  #lengthOf(piece: Buffer): number {
    const length = this.#littleEndian ? piece.readUIntLE(0, this.#size) : piece.readUIntBE(0, this.#size)
    if (length > this.#limit) throw tooLarge(`a frame of ${length} bytes`, this.#limit)
    return length
  }
}
