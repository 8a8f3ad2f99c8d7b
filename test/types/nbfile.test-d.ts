/** What the compiler knows of files. Nothing here runs; `npx tsc -p tsconfig.json --noEmit` is the test. */
import type { Readable } from 'node:stream'
import type { Op, Receiver } from '../../src/core/index.js'
import {
  type ByteSink,
  type ByteSource,
  limitReader,
  type NbSocket,
  nbconsole,
  nbfile,
  nbreader,
  signals,
} from '../../src/core/nbsocket/index.js'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
function same<_A, _B>(..._proof: Equal<_A, _B> extends true ? [] : ['the types differ']): void {}

declare const sock: NbSocket
declare const source: ByteSource
declare const readable: Readable

// Bytes are buffers, text is strings, whatever the file is of.
const bytes = nbfile(sock).readLine()
same<typeof bytes, Op<Buffer>>()
const text = nbfile(sock).text().readLine()
same<typeof text, Op<string>>()
const back = nbreader(source).text().bytes().peek(1)
same<typeof back, Op<Buffer>>()
const part = limitReader(readable, 5).text('latin1').readAll()
same<typeof part, Op<string>>()
const lines = nbconsole().lines()
same<typeof lines, AsyncIterableIterator<string>>()

// A file is a source and a sink; a reader is only the one.
export const both: ByteSource & ByteSink = nbfile(sock)
export const inner: ByteSource = nbreader(source).text()
// @ts-expect-error it cannot be written to
export const sink: ByteSink = nbreader(source)
// @ts-expect-error a readable cannot be written to
nbfile(readable)
// @ts-expect-error an encoding that is not known
nbreader(source).text('utf16le')

const ch = signals('SIGTERM', 'SIGHUP')
same<typeof ch, Receiver<'SIGTERM' | 'SIGHUP'>>()
// @ts-expect-error no such signal
signals('SIGNOT')
