import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import * as web from '../../../src/adapters/web/index.js'
import type { Receiver } from '../../../src/core/index.js'
import { once, outcome, reported, TestScope, turns, watch } from '../support.js'

const failure = new Error('failure')
const invalid = expect.objectContaining({ code: 'INVALID_ARGUMENT' })
const consumed = expect.objectContaining({ code: 'ALREADY_CONSUMED' })

async function text(receiver: Receiver<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of receiver) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

describe('bodies', () => {
  test('of a response and of a request', async () => {
    expect(await text(web.toChannel(new Response('a body')))).toBe('a body')
    const request = new Request('http://localhost/', { method: 'POST', body: 'a body' })
    expect(await text(web.toChannel(request))).toBe('a body')
    expect(request.bodyUsed).toBe(true)
  })

  test('that are null have ended', async () => {
    expect(await text(web.toChannel(new Response(null)))).toBe('')
  })

  test('that are no web streams, as those of some libraries for fetch, are refused', () => {
    const body = Readable.from(['a body'])
    expect(() => web.toChannel({ body, bodyUsed: false } as never)).toThrow(invalid)
  })

  test('that were read, or are locked, are refused', async () => {
    const response = new Response('a body')
    await response.text()
    expect(() => web.toChannel(response)).toThrow(consumed)
    const locked = new Response('a body')
    locked.body?.getReader()
    expect(() => web.toChannel(locked)).toThrow(consumed)
  })
})

describe('over HTTP', () => {
  let server: Server
  let respond: (res: ServerResponse) => void
  beforeEach(async () => {
    server = createServer((_req, res) => respond(res)).listen(0, '127.0.0.1')
    await once(server, 'listening')
  })
  afterEach(() => new Promise(resolve => server.close(resolve)))
  const url = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}/`

  test('a receiver that stalls holds back the server, and cancelling closes the connection', async () => {
    let written = 0
    let closed: Promise<unknown> = Promise.resolve()
    respond = res => {
      closed = once(res, 'close')
      const chunk = Buffer.alloc(64 * 1024)
      const write = () => {
        do written += chunk.length
        while (res.write(chunk) && written < 1024 ** 3)
      }
      res.on('drain', write)
      write()
    }
    const ch = web.toChannel(await fetch(url()))
    expect((await ch.receive()).length).toBeGreaterThan(0)
    let before = 0
    while (written !== before) {
      before = written
      await new Promise(resolve => setTimeout(resolve, 50))
    }
    expect(written).toBeLessThan(64 * 1024 ** 2)
    ch.cancel()
    await closed
  })

  test('a connection that breaks fails the channel', async () => {
    respond = res => {
      res.writeHead(200, { 'content-length': '10' })
      res.write('part')
      setImmediate(() => setImmediate(() => res.destroy()))
    }
    const ch = web.toChannel(await fetch(url()))
    expect(await text(ch).catch(error => error)).toMatchObject({ name: 'TypeError' })
  })
})

describe('a byte stream', () => {
  const bytes = (count: number) =>
    new ReadableStream({
      type: 'bytes',
      start(controller) {
        controller.enqueue(Uint8Array.from({ length: count }, (_, i) => i))
        controller.close()
      },
    })

  test('is read into buffers of chunkSize', async () => {
    const sizes: number[] = []
    for await (const chunk of web.toChannel<Uint8Array>(bytes(10), { chunkSize: 4 })) sizes.push(chunk.length)
    expect(sizes).toEqual([4, 4, 2])
  })

  test('ends while a read is pending', async () => {
    let end: () => void = () => {}
    const stream = new ReadableStream({
      type: 'bytes',
      start(controller) {
        end = () => {
          controller.close()
          controller.byobRequest?.respond(0)
        }
      },
    })
    const received = watch(web.toChannel(stream, { chunkSize: 4 }).next())
    await turns()
    end()
    await turns()
    expect(received.outcome).toEqual({ done: true, value: undefined })
  })

  test('that fails behind a chunk gives the chunk first', async () => {
    let controller: ReadableByteStreamController | null = null
    const stream = new ReadableStream({
      type: 'bytes',
      start(given) {
        controller = given
      },
    })
    const ch = web.toChannel<Uint8Array>(stream, { chunkSize: 4 })
    const received = watch(ch.receive())
    await turns()
    controller!.enqueue(Uint8Array.of(1))
    controller!.error(failure)
    await turns()
    expect([received.outcome, await outcome(ch.receive())]).toEqual([Uint8Array.of(1), failure])
  })

  test('a chunkSize that is none, or for another stream, is refused, and nothing is left', () => {
    const request = new TestScope()
    for (const chunkSize of [0, 1.5, Number.NaN]) expect(() => web.toChannel(bytes(1), { chunkSize })).toThrow(invalid)
    const other = new ReadableStream()
    expect(() => request.run(() => web.toChannel(other, { chunkSize: 4 }))).toThrow(invalid)
    expect([other.locked, request.bonds]).toEqual([false, 0])
  })
})

test('the end of the stream is known without a receive, and unlocks it', async () => {
  let controller: ReadableStreamDefaultController<number> | null = null
  const stream = new ReadableStream<number>({
    start(given) {
      controller = given
    },
  })
  const ch = web.toChannel(stream)
  const received = watch(ch.receive())
  await turns()
  controller!.enqueue(1)
  controller!.close()
  await turns()
  expect(received.outcome).toBe(1)
  expect([stream.locked, await ch.ended]).toEqual([false, { by: 'close' }])
})

test('a cancel tells the source why, while a read is pending, and unlocks the stream', async () => {
  const reasons: unknown[] = []
  const stream = new ReadableStream({ cancel: reason => void reasons.push(reason) })
  const ch = web.toChannel(stream)
  const received = watch(ch.next())
  await turns()
  ch.cancel(failure)
  expect([reasons, stream.locked]).toEqual([[failure], false])
  await turns()
  expect(received.outcome).toEqual({ done: true, value: undefined })
})

test('a reader that is killed leaves the source, which sees nothing of its exit', async () => {
  const reasons: unknown[] = []
  const ch = web.toChannel(new ReadableStream({ cancel: reason => void reasons.push(reason) }))
  const reader = new TestScope().go(function* () {
    yield* ch.each(() => {})
  })
  await turns()
  await reader.kill()
  expect(reasons).toEqual([undefined])
})

test('a cancel() of the source that fails is reported', async () => {
  const stream = new ReadableStream({ cancel: () => Promise.reject(failure) })
  const warnings = await reported(async () => web.toChannel(stream, { name: 'numbers' }).cancel())
  expect(warnings).toEqual([expect.stringContaining('cancelling the stream "numbers" failed: failure')])
})

test('a stream that fails with undefined fails the channel', async () => {
  const stream = new ReadableStream({
    start(controller) {
      controller.error()
    },
  })
  expect(await outcome(web.toChannel(stream).receive())).toMatchObject({ code: 'INVALID_ARGUMENT' })
})

describe('decode', () => {
  test('makes values of a body, one by one, wherever it is cut', async () => {
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        for (const part of ['data: o', 'ne\n', '\n', 'id: 7\ndata: two\n\ndata: three\n\ndata: lo']) {
          controller.enqueue(new TextEncoder().encode(part))
        }
        controller.close()
      },
    })
    const ch = web.toChannel(new Response(body), { decode: web.decodeSse() })
    expect(await ch.receive()).toEqual({ event: 'message', data: 'one', id: '' })
    await turns()
    const rest: unknown[] = []
    for await (const { data } of ch) rest.push(data)
    expect(rest).toEqual(['two', 'three'])
    expect(body.locked).toBe(false)
  })

  test('gives what it has before an error of the stream', async () => {
    for (const late of [true, false]) {
      let controller: ReadableStreamDefaultController<unknown> | null = null
      const body = new ReadableStream<Uint8Array>({
        start(given) {
          controller = given
        },
      })
      const ch = web.toChannel(body, { decode: web.decodeLines() })
      const received = watch(ch.receive())
      await turns()
      // Text will do for bytes.
      controller!.enqueue('1\n2\n3\nincomplete')
      if (late) await turns()
      controller!.error(failure)
      await turns()
      const rest = [await ch.receive(), await ch.receive(), await outcome(ch.receive())]
      expect([received.outcome, ...rest]).toEqual(['1', '2', '3', failure])
    }
  })

  test('that refuses fails the channel and cancels the stream', async () => {
    const reasons: unknown[] = []
    const body = new ReadableStream<Uint8Array>({
      start: controller => controller.enqueue(new TextEncoder().encode('1\nno\n2\n')),
      cancel: reason => void reasons.push(reason),
    })
    const ch = web.toChannel(body, { decode: web.decodeNdjson() })
    expect(await ch.receive()).toBe(1)
    const error = await outcome(ch.receive())
    expect(error).toMatchObject({ code: 'FRAME_INVALID' })
    expect([reasons, body.locked]).toEqual([[error], false])
  })
})
