/** Node streams: a large file goes from the disk through a channel to the client, at the pace of the client. */
import { createHash, type Hash } from 'node:crypto'
import { createReadStream, rmSync } from 'node:fs'
import { mkdtemp, open } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type Co, channel, go } from 'syncless'
import * as stream from 'syncless/stream'
import type { Registry } from './registry.js'
import type { Trace } from './trace.js'

const BLOCKS = 64
const BLOCK_SIZE = 1024 * 1024

export interface LargeFile {
  readonly path: string
  readonly size: number
  readonly sha256: string
  remove(): void
}

/** Writes 64 MiB into the system's folder for temporary files; removed when the process exits, if not before. */
export async function createLargeFile(): Promise<LargeFile> {
  const folder = await mkdtemp(path.join(tmpdir(), 'syncless-showcase-'))
  const file = path.join(folder, 'large.bin')
  const hash = createHash('sha256')
  const remove = () => rmSync(folder, { recursive: true, force: true })
  process.once('exit', remove)
  await writeBlocks(file, hash)
  return {
    path: file,
    size: BLOCKS * BLOCK_SIZE,
    sha256: hash.digest('hex'),
    remove() {
      process.off('exit', remove)
      remove()
    },
  }
}

async function writeBlocks(file: string, hash: Hash): Promise<void> {
  const handle = await open(file, 'w')
  try {
    for (let i = 0; i < BLOCKS; i++) {
      const block = Buffer.alloc(BLOCK_SIZE, `block ${i} of the large file\n`)
      hash.update(block)
      await handle.write(block)
    }
  } finally {
    await handle.close()
  }
}

/** The tasklet handler of `GET /file`. A client that leaves ends both tasklets and closes the file. */
export function serveFile(file: LargeFile, registry: Registry, trace: Trace, counted: (bytes: number) => void) {
  return function* sendFile(req: IncomingMessage, res: ServerResponse): Co<void> {
    res.writeHead(200, {
      'Content-Type': 'application/octet-stream',
      'Content-Length': file.size,
      'X-Sha256': file.sha256,
    })
    if (req.method === 'HEAD') {
      res.end()
      return
    }
    const chunks = stream.toChannel(createReadStream(file.path), { capacity: 4 })
    const counting = channel<Buffer>()
    registry.add(
      'GET /file',
      go(function* countBytes() {
        yield* chunks.each(function* (chunk) {
          counted(chunk.length)
          trace.pass('stream', 'client', `${chunk.length} bytes`)
          yield* counting.send(chunk)
        })
        counting.close()
      }),
    )
    yield* stream.drainTo(counting, res)
  }
}
