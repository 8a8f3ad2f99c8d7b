import { select, sleep } from '../../../../src/core/index.js'
import type { ByteSource } from '../../../../src/core/nbsocket/bytes/byte-stream.js'
import { limitReader } from '../../../../src/core/nbsocket/file/limit-reader.js'
import { nbreader } from '../../../../src/core/nbsocket/file/reader.js'
import { rejection, watch } from '../../support.js'
import { fed, thrown, turns } from '../file-support.js'

test('it ends after so many bytes, and takes none beyond them', async () => {
  const { stream, reader } = fed()
  stream.write('abcdef')
  const part = limitReader(reader, 4)
  expect(part.left).toBe(4)
  expect(String(await part.read(3))).toBe('abc')
  expect(part.left).toBe(1)
  expect(String(await part.readAll())).toBe('d')
  expect((await part.read(1)).length).toBe(0)
  expect(String(await reader.read(2))).toBe('ef')
})

test('it waits for what has not come yet', async () => {
  const { stream, reader } = fed()
  const all = watch(limitReader(reader, 4).text().readAll())
  stream.write('ab')
  await turns()
  expect(all.outcome).toBe('pending')
  stream.write('cdef')
  await turns()
  expect(all.outcome).toBe('abcd')
})

test('a source that ends before is seen by what is left, or is an error if it has to be exact', async () => {
  const short = fed()
  short.stream.end('ab')
  const part = limitReader(short.reader, 4)
  expect(String(await part.readAll())).toBe('ab')
  expect(part.left).toBe(2)
  const other = fed()
  other.stream.end('ab')
  const exact = limitReader(other.reader, 4, { exact: true })
  expect(await rejection(exact.readAll())).toMatchObject({ code: 'UNEXPECTED_END' })
  expect(String(await exact.read(2))).toBe('ab')
})

test('skip drops the rest of a part', async () => {
  const { stream, reader } = fed()
  stream.end('abcdef, and more')
  const part = limitReader(reader, 6)
  await part.read(1)
  expect(await part.skip()).toBe(5)
  expect(String(await reader.readAll())).toBe(', and more')
})

test('one part within another', async () => {
  const { stream, reader } = fed()
  stream.end('abcdef')
  const outer = limitReader(reader, 4)
  expect(String(await limitReader(outer, 2).readAll())).toBe('ab')
  expect(String(await limitReader(outer, 9).readAll())).toBe('cd')
  expect(String(await reader.readAll())).toBe('ef')
})

test('one of nothing is at its end, and one that loses has taken nothing', async () => {
  const { stream, reader } = fed()
  expect((await limitReader(reader, 0).readAll()).length).toBe(0)
  const part = limitReader(reader, 5)
  expect((await select({ read: part.read(5), late: sleep(1) })).key).toBe('late')
  stream.write('12')
  expect((await select({ read: part.read(5), late: sleep(1) })).key).toBe('late')
  expect(part.left).toBe(5)
  stream.write('345678')
  expect(String(await part.read(5))).toBe('12345')
  expect(String(await reader.read(3))).toBe('678')
})

test('an error of the source is passed on', async () => {
  const failure = new Error('broken')
  const { stream, reader } = fed()
  const all = watch(limitReader(reader, 4).readAll())
  await turns()
  stream.destroy(failure)
  await turns()
  expect(all.outcome).toBe(failure)
})

test('a wrong length is INVALID_ARGUMENT', () => {
  expect(thrown(() => limitReader(fed().reader, -1))).toMatchObject({ code: 'INVALID_ARGUMENT' })
  expect(thrown(() => limitReader(fed().reader, 1, null as unknown as object))).toMatchObject({
    code: 'INVALID_ARGUMENT',
  })
  expect(thrown(() => limitReader({} as ByteSource, 1))).toMatchObject({ code: 'INVALID_ARGUMENT' })
})

test('a read through many parts of one another ends; more than 1000 readers on one another are refused', async () => {
  const { stream, reader } = fed()
  let part: ByteSource = reader
  for (let level = 1; level < 1000; level++) part = limitReader(part, 3)
  expect(thrown(() => limitReader(part, 3))).toMatchObject({ code: 'INVALID_ARGUMENT' })
  expect(thrown(() => nbreader(part))).toMatchObject({ code: 'INVALID_ARGUMENT' })
  const all = watch((part as ReturnType<typeof limitReader>).readAll())
  stream.end('abcdef')
  while (all.outcome === 'pending') await turns()
  expect(String(all.outcome)).toBe('abc')
})
