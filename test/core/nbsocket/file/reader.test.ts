import { PassThrough, Readable } from 'node:stream'
import { channel, go, isTaskletExit, select, sleep, timeout } from '../../../../src/core/index.js'
import type { ByteSource } from '../../../../src/core/nbsocket/bytes/byte-stream.js'
import { nbreader } from '../../../../src/core/nbsocket/file/reader.js'
import { outcome, rejection, watch } from '../../support.js'
import { fed, thrown, turns } from '../file-support.js'

const limited = expect.objectContaining({ code: 'READ_LIMIT' })
const ended = expect.objectContaining({ code: 'UNEXPECTED_END' })
const busy = expect.objectContaining({ code: 'BUSY' })
const invalid = expect.objectContaining({ code: 'INVALID_ARGUMENT' })

describe('read', () => {
  test('waits for so many bytes, over as many chunks as they come in', async () => {
    const { stream, reader } = fed()
    stream.write('ab')
    const read = watch(reader.read(5))
    await turns()
    stream.write('cd')
    await turns()
    expect(read.outcome).toBe('pending')
    stream.write('efg')
    await turns()
    expect(String(read.outcome)).toBe('abcde')
    expect(reader.buffered).toBe(2)
  })

  test('gives less only at the end, and then nothing', async () => {
    const { stream, reader } = fed()
    stream.end('abc')
    expect(String(await reader.read(5))).toBe('abc')
    expect((await reader.read(5)).length).toBe(0)
    expect((await reader.read(5)).length).toBe(0)
  })

  test('of nothing does not wait', async () => {
    expect((await fed().reader.read(0)).length).toBe(0)
  })

  test('at most so many gives what is there', async () => {
    const { stream, reader } = fed()
    stream.write('abc')
    expect(String(await reader.readAtMost(2))).toBe('ab')
    expect(String(await reader.readAtMost(2))).toBe('c')
    const next = watch(reader.readAtMost(2))
    await turns()
    expect(next.outcome).toBe('pending')
    stream.end()
    await turns()
    expect(String(next.outcome)).toBe('')
  })

  test('exactly so many fails at the end, and leaves what there is', async () => {
    const { stream, reader } = fed()
    stream.end('abc')
    expect(await rejection(reader.readExactly(4))).toEqual(ended)
    expect(String(await reader.readExactly(3))).toBe('abc')
  })

  test('all, up to a limit, beyond which nothing is lost', async () => {
    const { stream, reader } = fed()
    stream.end('abcdef')
    expect(await rejection(reader.readAll({ limit: 5 }))).toEqual(limited)
    expect(String(await reader.readAll({ limit: 6 }))).toBe('abcdef')
    expect(String(await reader.readAll())).toBe('')
  })

  test('more than the source gives at a time', async () => {
    const data = Buffer.alloc(3e5, 'FooBarBaz')
    const { stream, reader } = fed()
    stream.end(data)
    expect((await reader.read(2e5)).equals(data.subarray(0, 2e5))).toBe(true)
    expect((await reader.readAll()).equals(data.subarray(2e5))).toBe(true)
  })
})

describe('lines', () => {
  test('come with their ends; the last may have none', async () => {
    const { stream, reader } = fed()
    stream.end('one\n\r\ntwo')
    const lines = reader.text()
    expect([await lines.readLine(), await lines.readLine(), await lines.readLine(), await lines.readLine()]).toEqual([
      'one\n',
      '\r\n',
      'two',
      '',
    ])
  })

  test('are found over the borders of chunks, with any delimiter', async () => {
    const { stream, reader } = fed()
    const line = watch(reader.text().readLine({ delimiter: '--x' }))
    for (const byte of 'a-b---') {
      stream.write(byte)
      await turns(2)
    }
    expect(line.outcome).toBe('pending')
    stream.write('xy')
    await turns()
    expect(line.outcome).toBe('a-b---x')
  })

  test("are Syncless' own: by the delimiter a", async () => {
    const { stream, reader } = fed()
    stream.end('abrakadabra!')
    const words: string[] = []
    for await (const word of reader.text().lines({ delimiter: 'a' })) words.push(word)
    expect(words).toEqual(['', 'br', 'k', 'd', 'br', '!'])
  })

  test('longer than the limit fail, whether or not the end has come; all of it stays', async () => {
    const { stream, reader } = fed(4)
    stream.write('abcd')
    const line = watch(reader.readLine())
    await turns()
    expect(line.outcome).toBe('pending')
    stream.write('e')
    await turns()
    expect(line.outcome).toEqual(limited)
    stream.end('f\nxyz\nend.')
    expect(await rejection(reader.readLine())).toEqual(limited)
    expect(String(await reader.readLine({ limit: 7 }))).toBe('abcdef\n')
    expect(String(await reader.readLine())).toBe('xyz\n')
    expect(String(await reader.readLine())).toBe('end.')
  })

  test('until a delimiter that does not come fail at the end, and leave everything', async () => {
    const { stream, reader } = fed()
    stream.end('head\r\n\r\nbody')
    expect(String(await reader.readUntil('\r\n\r\n'))).toBe('head\r\n\r\n')
    expect(await rejection(reader.readUntil('\r\n'))).toEqual(ended)
    expect(String(await reader.readAll())).toBe('body')
  })

  test('are iterated without their ends, LF or CRLF', async () => {
    const { stream, reader } = fed()
    stream.end('one\r\n\ntwo\n\rthree')
    const seen: string[] = []
    for await (const line of reader.text()) seen.push(line)
    expect(seen).toEqual(['one', '', 'two', '\rthree'])
  })

  test('an iteration that is left loses nothing, also while it waits', async () => {
    const { stream, reader } = fed()
    stream.write('one\ntwo\nthr')
    const lines = reader.text().lines()
    expect(await lines.next()).toEqual({ done: false, value: 'one' })
    expect(await lines.next()).toEqual({ done: false, value: 'two' })
    const third = lines.next()
    await turns()
    await lines.return?.()
    expect(await third).toEqual({ done: true, value: undefined })
    expect(await lines.next()).toEqual({ done: true, value: undefined })
    stream.end('ee\n')
    expect(await reader.text().readLine()).toBe('three\n')
  })

  test('several that are asked for at once come one after the other', async () => {
    const { stream, reader } = fed()
    stream.end('1\n2\n')
    const lines = reader.text().lines()
    const steps = await Promise.all([lines.next(), lines.next(), lines.next()])
    expect(steps.map(({ value }) => value)).toEqual(['1', '2', undefined])
  })

  test('each calls a function, which may wait, and passes on what it throws', async () => {
    const { stream, reader } = fed()
    stream.write('1\n2\n3\n')
    const seen: string[] = []
    const failed = go(function* () {
      yield* reader.text().each(function* (line) {
        yield* sleep(0)
        seen.push(line)
        if (line === '2') throw new Error('enough')
      })
    })
    expect(await rejection(failed)).toEqual(new Error('enough'))
    expect(seen).toEqual(['1', '2'])
    expect(String(await reader.readLine())).toBe('3\n')
  })

  test('too long end an iteration with READ_LIMIT', async () => {
    const { stream, reader } = fed(3)
    stream.write('1\n2345\n')
    const lines = reader.text().lines()
    await lines.next()
    expect(await rejection(lines.next())).toEqual(limited)
    expect(await lines.next()).toEqual({ done: true, value: undefined })
  })
})

describe('looking', () => {
  test('peek gives and leaves', async () => {
    const { stream, reader } = fed()
    stream.write('ab')
    const peeked = watch(reader.peek(3))
    await turns()
    expect(peeked.outcome).toBe('pending')
    stream.write('cd')
    await turns()
    expect(String(peeked.outcome)).toBe('abc')
    const copy = await reader.peek(2)
    copy.fill(0)
    stream.end()
    expect(String(await reader.peek(9))).toBe('abcd')
    expect(String(await reader.readAll())).toBe('abcd')
  })

  test('readUpTo says how much is buffered, and takes nothing', async () => {
    const { stream, reader } = fed()
    stream.write('foobar')
    expect(await reader.readUpTo(2)).toBe(6)
    expect(await reader.readUpTo(6)).toBe(6)
    const more = watch(reader.readUpTo(7))
    await turns()
    expect(more.outcome).toBe('pending')
    stream.write('baz')
    await turns()
    expect(more.outcome).toBe(9)
    stream.end()
    expect(await reader.readUpTo(100)).toBe(9)
    expect(String(await reader.readAll())).toBe('foobarbaz')
  })

  // Those of Syncless' nbfile_test.
  test.each<['find' | 'rfind', [string, number?, number?], number]>([
    ['find', ['ax'], -1],
    ['find', ['ax', 10], -1],
    ['find', ['ax', 10, 20], -1],
    ['rfind', ['ax'], -1],
    ['rfind', ['ax', 10, 20], -1],
    ['find', ['AR'], 4],
    ['find', ['O'], 1],
    ['find', ['O', 1], 1],
    ['find', ['O', 2], 2],
    ['find', ['O', 3], -1],
    ['find', ['AR', 10], -1],
    ['find', ['AR', 10, 20], -1],
    ['rfind', ['AR'], 4],
    ['rfind', ['AR', 3], 4],
    ['rfind', ['AR', 4], 4],
    ['rfind', ['AR', 5], -1],
    ['rfind', ['AR', 4, 6], 4],
    ['rfind', ['AR', 4, 5], -1],
    ['rfind', ['AR', 4, -3], 4],
    ['rfind', ['AR', -5, -3], 4],
    ['rfind', ['AR', -6], 4],
    ['rfind', ['AR', -5], 4],
    ['rfind', ['AR', -4], -1],
    ['rfind', ['AR', 10, 20], -1],
    ['rfind', ['O'], 2],
    ['rfind', ['O', 1], 2],
    ['rfind', ['O', 3], -1],
    ['rfind', ['O', 0, 3], 2],
    ['rfind', ['O', 0, 2], 1],
    ['rfind', ['O', -8, -7], 1],
    ['rfind', ['O', -8, -6], 2],
  ])('%s %j in FOOBARbaz is %i', (method, [what, ...range], expected) => {
    const { reader } = fed()
    reader.unread('FOOBARbaz')
    expect(reader[method](what, ...range)).toBe(expected)
  })

  test('discard drops, and says how much; beyond the limit it points to skip', async () => {
    const { stream, reader } = fed(10)
    stream.write('abcdef')
    expect(await reader.discard(2)).toBe(2)
    const more = watch(reader.discard(6))
    await turns()
    expect(more.outcome).toBe('pending')
    stream.end('gh')
    await turns()
    expect(more.outcome).toBe(6)
    expect(await reader.discard(3)).toBe(0)
    expect(thrown(() => reader.discard(11))).toEqual(invalid)
  })

  test('skip drops any number, in little memory', async () => {
    let made = 0
    let most = 0
    const reader = nbreader(
      new Readable({
        read() {
          most = Math.max(most, made - skipped())
          this.push(made++ < 300 ? Buffer.alloc(10_000, 'x') : null)
        },
      }),
    )
    const skipped = () => made - reader.buffered / 10_000
    expect(await reader.skip(2_500_000)).toBe(2_500_000)
    expect(reader.buffered).toBeLessThan(200_000)
    expect(await reader.skip()).toBe(500_000)
    expect(await reader.skip()).toBe(0)
  })

  test('unread puts bytes before the others, and wakes who waits for them', async () => {
    const { stream, reader } = fed()
    stream.write('baz')
    await reader.peek(3)
    reader.unread('bar')
    reader.unread('foo')
    expect(reader.buffered).toBe(9)
    expect(String(await reader.read(7))).toBe('foobarb')
    const line = watch(reader.text().readLine())
    await turns()
    reader.unread('!\n')
    await turns()
    expect(line.outcome).toBe('!\n')
    stream.end()
    expect(String(await reader.readAll())).toBe('az')
    reader.unread('after the end')
    expect(String(await reader.readAll())).toBe('after the end')
  })
})

describe('text', () => {
  test('never cuts a character', async () => {
    const { stream, reader } = fed()
    const text = reader.text()
    stream.write(Buffer.from('a€b').subarray(0, 2))
    const read = watch(text.readAtMost(4))
    await turns()
    expect(read.outcome).toBe('a')
    const next = watch(text.read(1))
    await turns()
    expect(next.outcome).toBe('pending')
    stream.write(Buffer.from('€b').subarray(1))
    await turns()
    expect(next.outcome).toBe('€')
    expect(await text.readAtMost(9)).toBe('b')
    stream.end(Buffer.from('€').subarray(0, 2))
    expect(await text.peek(9)).toBe('\ufffd')
    expect(await text.readAll()).toBe('\ufffd')
  })

  test('shares its bytes with the reader it is of', async () => {
    const { stream, reader } = fed()
    stream.end(Buffer.concat([Buffer.from('length: 2\n'), Buffer.from([0xff, 0xfe]), Buffer.from('caf\xe9', 'latin1')]))
    expect(await reader.text().readLine()).toBe('length: 2\n')
    expect(await reader.read(2)).toEqual(Buffer.from([0xff, 0xfe]))
    expect(await reader.text('latin1').readLine({ delimiter: 'é' })).toBe('café')
    expect(reader.text().bytes().buffered).toBe(0)
  })
})

describe('an operation that loses', () => {
  test('leaves the bytes: select, timeout, kill', async () => {
    const { stream, reader } = fed()
    const text = reader.text()
    stream.write('no end of ')
    expect((await select({ line: text.readLine(), late: sleep(1) })).key).toBe('late')
    expect(await timeout(1, text.readLine(), { else: 'late' })).toBe('late')
    let exited = false
    const killed = go(function* () {
      try {
        yield* text.readLine()
      } catch (error) {
        exited = isTaskletExit(error)
        throw error
      }
    })
    await turns()
    await killed.kill()
    expect(exited).toBe(true)
    stream.write('line\n')
    expect(await text.readLine()).toBe('no end of line\n')
  })

  test('keeps what has committed, also when the kill comes before it resumes', async () => {
    const chunks = channel<Buffer>()
    const reader = nbreader({ recv: () => chunks.receive() })
    let got = ''
    const reading = go(function* () {
      got = yield* reader.text().readLine()
      yield* sleep(1000)
    })
    await turns()
    chunks.trySend(Buffer.from('one\ntwo\n'))
    await reading.kill()
    expect(got).toBe('one\n')
    expect(await reader.text().readLine()).toBe('two\n')
  })

  test('may be performed again', async () => {
    const { stream, reader } = fed()
    const line = reader.text().readLine()
    expect(await timeout(1, line, { else: 'late' })).toBe('late')
    stream.write('now\n')
    expect(await line).toBe('now\n')
  })
})

describe('errors', () => {
  test('a second reader is BUSY, and the first goes on', async () => {
    const { stream, reader } = fed()
    const first = watch(reader.read(2))
    await turns()
    expect(await rejection(reader.text().readLine())).toEqual(busy)
    expect(await rejection(select({ a: reader.peek(1), b: sleep(1000) }))).toEqual(busy)
    stream.write('ab')
    await turns()
    expect(String(first.outcome)).toBe('ab')
  })

  test('two branches of one select that read the same file are BUSY', async () => {
    const { stream, reader } = fed()
    expect(await rejection(select({ a: reader.read(1), b: reader.read(2) }))).toEqual(busy)
    stream.write('xyz')
    expect(String(await reader.read(3))).toBe('xyz')
    // Of a source, too, from which several may receive.
    const chunks = channel<Buffer>()
    const other = nbreader({ recv: () => chunks.receive() })
    expect(await rejection(select({ a: other.read(1), b: other.read(2) }))).toEqual(busy)
    expect(chunks.balance).toBe(0)
  })

  test('one of the source comes when what is buffered does not suffice, and leaves that', async () => {
    const failure = new Error('broken')
    const { stream, reader } = fed()
    stream.write('abc')
    await reader.peek(3)
    stream.destroy(failure)
    expect(await rejection(reader.read(4))).toBe(failure)
    expect(String(await reader.read(2))).toBe('ab')
    expect(await rejection(reader.readAll())).toBe(failure)
    expect(String(await reader.readAtMost(9))).toBe('c')
  })

  test('a source that throws fails the read', async () => {
    const failure = new Error('no')
    const source: ByteSource = {
      recv() {
        throw failure
      },
    }
    expect(await rejection(nbreader(source).read(1))).toBe(failure)
  })

  test.each<[string, () => unknown]>([
    ['a size that is no number of bytes', () => fed().reader.read(1.5)],
    ['a negative size', () => fed().reader.peek(-1)],
    ['a limit of 0', () => fed().reader.readLine({ limit: 0 })],
    ['a limit of the file', () => nbreader(new PassThrough(), { limit: -1 })],
    ['no delimiter', () => fed().reader.readUntil('')],
    ['nothing to look for', () => fed().reader.find('')],
    ['a place that is no number', () => fed().reader.find('x', Number.NaN)],
    ['a place between two bytes', () => fed().reader.rfind('x', 0, 1.5)],
    ['no options of a reader', () => nbreader(new PassThrough(), null as unknown as object)],
    ['no options of a line', () => fed().reader.readLine(null as unknown as object)],
    ['no options of lines', () => fed().reader.nextLine(null as unknown as object)],
    ['no options of all', () => fed().reader.readAll(null as unknown as object)],
    ['no bytes', () => fed().reader.unread(7 as unknown as string)],
    ['no source', () => nbreader({} as ByteSource)],
  ])('%s is INVALID_ARGUMENT', (_, make) => {
    expect(thrown(make)).toEqual(invalid)
  })
})

test('a source may be anything that has recv: a channel', async () => {
  const chunks = channel<Buffer>(1)
  const reader = nbreader({ recv: () => chunks.receive() })
  const line = watch(reader.text().readLine())
  for (const part of ['a', 'b', 'c\n', 'd']) await chunks.send(Buffer.from(part))
  expect(await outcome(Promise.resolve(line.outcome))).toBe('abc\n')
  expect(await timeout(1, reader.read(2), { else: null })).toBe(null)
  expect(chunks.balance).toBe(0)
  expect(reader.buffered).toBe(1)
})

test('a reader is a source: one on another', async () => {
  const { stream, reader } = fed()
  const outer = nbreader(reader)
  stream.end('one\ntwo')
  expect(await outer.text().readLine()).toBe('one\n')
  expect(await outer.text().readAll()).toBe('two')
})
