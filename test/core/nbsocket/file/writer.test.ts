import { PassThrough, Writable } from 'node:stream'
import fc from 'fast-check'
import { action, go, select, sleep, timeout } from '../../../../src/core/index.js'
import { byteSink } from '../../../../src/core/nbsocket/bytes/byte-output.js'
import type { ByteSink } from '../../../../src/core/nbsocket/bytes/byte-stream.js'
import { nbreader } from '../../../../src/core/nbsocket/file/reader.js'
import { type NbWriter, nbwriter } from '../../../../src/core/nbsocket/file/writer.js'
import { socketPair } from '../../../../src/core/nbsocket/socket/socket-pair.js'
import { deferred } from '../../../../src/core/ops/deferred.js'
import { rejection, reported, turn, watch } from '../../support.js'
import { rest, thrown, turns } from '../file-support.js'

/** A writable whose reader is slow: it takes one chunk at each `take()`. */
class Slow extends Writable {
  readonly taken: string[] = []
  #next: (() => void) | null = null

  constructor(highWaterMark = 10) {
    super({ highWaterMark })
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this._writev([{ chunk }], done)
  }

  override _writev(chunks: { chunk: Buffer }[], done: () => void): void {
    this.#next = () => {
      this.taken.push(chunks.map(({ chunk }) => String(chunk)).join(''))
      done()
    }
  }

  async take(): Promise<void> {
    const next = this.#next
    this.#next = null
    next?.()
    await turn()
  }

  async takeAll(): Promise<string> {
    while (this.#next !== null) await this.take()
    return this.taken.join('')
  }
}

/** A sink that cannot be corked: small pieces are held back by the writer. */
function uncorked(writable: Writable): ByteSink {
  const sink = byteSink(writable)
  return {
    send: data => sink.send(data),
    flush: () => sink.flush(),
    shutdown: () => sink.shutdown?.() ?? sink.flush(),
  }
}

/** A writer that has to wait: its sink is full. */
async function stuck(): Promise<{ slow: Slow; writer: NbWriter }> {
  const slow = new Slow()
  const writer = nbwriter(slow, { writeBuffer: 4 })
  await writer.write('0123456789')
  return { slow, writer }
}

describe('small writes', () => {
  test.each([
    ['by the stream', (slow: Slow) => slow, 0],
    ['by the writer', uncorked, 13],
  ])('go out together, in the next turn, held back %s', async (_, sinkOf, unsent) => {
    const slow = new Slow(100)
    const writer = nbwriter(sinkOf(slow))
    for (const word of ['one ', 'two ', 'three']) await writer.write(word)
    expect([writer.unsent, await slow.takeAll()]).toEqual([unsent, ''])
    await turns(2)
    expect(writer.unsent).toBe(0)
    expect(await slow.takeAll()).toBe('one two three')
    expect(slow.taken).toEqual(['one two three'])
  })

  test('go out before when they are flushed', async () => {
    const slow = new Slow(100)
    const writer = nbwriter(slow)
    await writer.write('one ')
    await writer.write('two')
    const flush = watch(writer.flush())
    await Promise.resolve()
    expect(await slow.takeAll()).toBe('one two')
    await turns(1)
    expect(flush.outcome).toBe(undefined)
  })

  test('are not lost by a socket that is closed in the same turn', async () => {
    const [ours, theirs] = await socketPair()
    go(function* () {
      using sock = ours
      const writer = nbwriter(sock)
      yield* writer.write('the last ')
      yield* writer.write('words')
    })
    expect(String(await nbreader(theirs).readAll())).toBe('the last words')
    await theirs.close()
  })

  test('do not stay behind in a stream that is taken back', async () => {
    const [ours, theirs] = await socketPair()
    await nbwriter(ours).write('first, ')
    const { stream } = ours
    expect(stream.writableCorked).toBe(0)
    stream.end('then')
    expect(String(await nbreader(theirs).readAll())).toBe('first, then')
    await theirs.close()
  })

  test('are sent with one for which there is no room any more', async () => {
    const slow = new Slow(100)
    const writer = nbwriter(uncorked(slow), { writeBuffer: 8 })
    await writer.write('1234')
    await writer.write('5678')
    await writer.write('9')
    expect(writer.unsent).toBe(0)
    await slow.takeAll()
    expect(slow.taken).toEqual(['123456789'])
  })

  test('are not held back without a buffer', async () => {
    const slow = new Slow(100)
    const writer = nbwriter(slow, { writeBuffer: 0 })
    await writer.write('1')
    await writer.write('')
    expect(writer.unsent).toBe(0)
    expect(await slow.takeAll()).toBe('1')
  })

  test('are copied: the bytes may be used again', async () => {
    const pipe = new PassThrough()
    const writer = nbwriter(pipe)
    const bytes = Buffer.from('first')
    await writer.write(bytes)
    bytes.fill('x')
    await writer.close()
    expect(await rest(pipe)).toBe('first')
  })
})

describe('a writer that has to wait', () => {
  test('waits for room', async () => {
    const { slow, writer } = await stuck()
    const write = watch(writer.write('abcdef'))
    await turns()
    expect(write.outcome).toBe('pending')
    await slow.take()
    await turns()
    expect(write.outcome).toBe(undefined)
    expect(await slow.takeAll()).toBe('0123456789abcdef')
  })

  test('has written nothing where it loses, times out or is killed', async () => {
    const { slow, writer } = await stuck()
    expect((await select({ write: writer.write('select'), late: sleep(1) })).key).toBe('late')
    expect(await timeout(1, writer.write('timeout'), { else: 'late' })).toBe('late')
    const killed = go(function* () {
      yield* writer.write('killed')
    })
    await turns()
    await killed.kill()
    const again = writer.write('again!')
    expect(await timeout(1, again, { else: 'late' })).toBe('late')
    await slow.take()
    await again
    await turns(2)
    expect(await slow.takeAll()).toBe('0123456789again!')
  })

  test('lets those behind it go on when it is killed', async () => {
    const { slow, writer } = await stuck()
    const first = go(() => writer.write('never!'))
    await turns()
    const second = watch(writer.write('second'))
    const third = watch(writer.write('.'))
    await first.kill()
    await turns()
    expect([second.outcome, third.outcome]).toEqual(['pending', 'pending'])
    await slow.take()
    await turns()
    expect([second.outcome, third.outcome]).toEqual([undefined, undefined])
    await turns()
    expect(await slow.takeAll()).toBe('0123456789second.')
  })

  test('may stand twice in one select: the one that loses writes nothing', async () => {
    const { slow, writer } = await stuck()
    const chosen = watch(select({ a: writer.write('aaaaaa'), b: writer.write('bbbbbb'), late: sleep(1) }))
    await new Promise(resolve => setTimeout(resolve, 5))
    expect(chosen.outcome).toMatchObject({ key: 'late' })
    const either = watch(select({ a: writer.write('aaaaaa'), b: writer.write('bbbbbb') }))
    await slow.take()
    await turns()
    const { key } = either.outcome as { key: string }
    expect(await slow.takeAll()).toBe(`0123456789${key.repeat(6)}`)
  })
})

describe('flush', () => {
  test('waits until the sink has passed everything on, and holds up no writes', async () => {
    const slow = new Slow(100)
    const writer = nbwriter(slow)
    await writer.write('one')
    const flush = watch(writer.flush())
    await turns()
    expect([flush.outcome, writer.unsent]).toEqual(['pending', 0])
    await writer.write('two')
    await slow.take()
    await turns()
    expect(flush.outcome).toBe(undefined)
    expect(slow.taken).toEqual(['one'])
    expect(await slow.takeAll()).toBe('onetwo')
  })

  test('of nothing does not wait', async () => {
    await nbwriter(new Slow()).flush()
  })
})

describe('close', () => {
  test('sends what was written, and ends the stream', async () => {
    const pipe = new PassThrough()
    const writer = nbwriter(pipe)
    await writer.write('all of it')
    await writer.close()
    expect(await rest(pipe)).toBe('all of it')
    await writer.close()
  })

  test('nothing can be written after it', async () => {
    const pipe = new PassThrough()
    const writer = nbwriter(pipe)
    await writer.close()
    expect(await rejection(writer.write('more'))).toMatchObject({ code: 'FILE_CLOSED' })
    await writer.flush()
  })

  test('waits for room, and did not happen where it loses before that', async () => {
    const slow = new Slow()
    const writer = nbwriter(uncorked(slow), { writeBuffer: 4 })
    await writer.write('0123456789')
    await writer.write('ab')
    expect(await timeout(1, writer.close(), { else: 'late' })).toBe('late')
    await slow.take()
    await writer.write('cd')
    const closed = writer.close()
    const done = watch(closed)
    expect(await slow.takeAll()).toBe('0123456789abcd')
    await turns()
    expect([done.outcome, slow.writableFinished]).toEqual([undefined, true])
  })

  test('flushes a sink that cannot be told the end', async () => {
    const log: string[] = []
    const logged = (what: string) =>
      action<void>(resolve => {
        log.push(what)
        resolve()
      })
    const sink: ByteSink = { send: data => logged(`send ${data}`), flush: () => logged('flush') }
    await using writer = nbwriter(sink)
    await writer.write('x')
    await writer.close()
    expect(log).toEqual(['send x', 'flush'])
  })
})

describe('what could not be sent', () => {
  test('fails the next operation, and all after it', async () => {
    const pipe = new PassThrough()
    const failure = new Error('broken')
    const writer = nbwriter(uncorked(pipe))
    const warnings = await reported(async () => {
      await writer.write('lost')
      pipe.destroy(failure)
      expect(await rejection(writer.flush())).toBe(failure)
      await writer.write('more')
      expect(await rejection(writer.flush())).toBe(failure)
      expect(await rejection(writer.close())).toBe(failure)
      expect(writer.unsent).toBe(4)
      await turns()
      expect(await rejection(writer.write('and more'))).toBe(failure)
    })
    expect(warnings).toEqual([])
  })

  test('is reported where there is no next one', async () => {
    const pipe = new PassThrough()
    const writer = nbwriter(uncorked(pipe), { name: 'log' })
    const warnings = await reported(async () => {
      await writer.write('lost')
      pipe.destroy(new Error('broken'))
      await turns()
    })
    expect(warnings).toEqual(['4 bytes that were written to "log" could not be sent: broken'])
    expect(await rejection(writer.flush())).toMatchObject({ message: 'broken' })
  })
})

test.each<[string, () => unknown]>([
  ['no bytes', () => nbwriter(new PassThrough()).write(7 as unknown as string)],
  ['no options', () => nbwriter(new PassThrough(), null as unknown as object)],
  ['a wrong buffer', () => nbwriter(new PassThrough(), { writeBuffer: -1 })],
  ['no sink', () => nbwriter({} as ByteSink)],
])('%s is INVALID_ARGUMENT', (_, make) => {
  expect(thrown(make)).toMatchObject({ code: 'INVALID_ARGUMENT' })
})

test('what was written arrives in order, what lost does not, whoever is killed when (property)', async () => {
  const write = fc.record({
    text: fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 12 }),
    by: fc.constantFrom('nothing' as const, 'nothing', 'kill', 'select', 'timeout'),
    wait: fc.nat({ max: 2 }),
    flush: fc.boolean(),
  })
  await fc.assert(
    fc.asyncProperty(
      fc.array(write, { maxLength: 10 }),
      fc.integer({ min: 1, max: 20 }),
      fc.nat({ max: 10 }),
      fc.boolean(),
      async (writes, highWaterMark, writeBuffer, corks) => {
        const slow = new Slow(highWaterMark)
        const writer = nbwriter(corks ? slow : uncorked(slow), { writeBuffer })
        const written: string[] = []
        const tasklets = []
        for (const [i, { text, by, wait, flush }] of writes.entries()) {
          const marked = `${i}${text};`
          const lose = deferred<void>()
          const op = writer.write(marked).map(() => written.push(marked))
          const t = go(function* () {
            if (by === 'select') yield* select({ op, lose })
            else if (by === 'timeout') yield* timeout(1, op, { else: undefined })
            else yield* op
            if (flush) yield* writer.flush()
          })
          t.then(null, () => {})
          tasklets.push(t)
          for (let n = 0; n < wait; n++) await turn()
          if (by === 'select') lose.resolve()
          if (by === 'kill') t.kill()
          if (wait === 2) await slow.take()
        }
        const closed = watch(writer.close())
        while (!slow.writableFinished) {
          await slow.take()
          await turn()
        }
        for (const t of tasklets) await t.then(null, () => {})
        await turns(2)
        expect(closed.outcome).toBe(undefined)
        expect(slow.taken.join('')).toBe(written.join(''))
      },
    ),
    { numRuns: Number(process.env.SYNCLESS_RUNS ?? 200) },
  )
})
