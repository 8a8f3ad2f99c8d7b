/** What the tests of files share. */
import { PassThrough, type Readable } from 'node:stream'
import { nbreader } from '../../../src/core/nbsocket/file/reader.js'
import { turn } from '../support.js'

/** A reader of a stream that the test feeds. */
export function fed(limit?: number) {
  const stream = new PassThrough()
  return { stream, reader: nbreader(stream, limit === undefined ? {} : { limit }) }
}

/** Some turns of the event loop, in which Node's streams do what they have to. */
export async function turns(count = 5): Promise<void> {
  for (let i = 0; i < count; i++) await turn()
}

/** What is left of a stream. */
export async function rest(stream: Readable): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

/** What `fn` throws. */
export function thrown(fn: () => unknown): unknown {
  try {
    fn()
  } catch (error) {
    return error
  }
  throw new Error('it did not throw')
}
