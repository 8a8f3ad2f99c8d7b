/** How the response of a fetch handler is sent, and what becomes of its body when things go wrong. */
import type { SynclessError } from '../../../src/core/index.js'
import type { FetchFunction } from '../../../src/host/index.js'
import { closeHosts, defer, exchange, get, newHost, RawClient, started, turns } from '../../host/support.js'

afterEach(closeHosts)

async function serving(fetch: FetchFunction) {
  const errors: SynclessError[] = []
  const host = newHost({ onError: error => void errors.push(error) })
  host.mount('/', { fetch })
  return { errors, host, ...(await started(host)) }
}

const head = (request: string) => request.replace(/^GET/, 'HEAD')
const text = (body: string) => new TextEncoder().encode(body)

function pieces(...chunks: unknown[]): ReadableStream {
  return new ReadableStream({
    pull(controller) {
      if (chunks.length > 0) controller.enqueue(chunks.shift())
      else controller.close()
    },
  })
}

/** A stream that says what was asked of it. */
function source(pull: (controller: ReadableStreamDefaultController<Uint8Array>) => unknown) {
  const cancelled = defer<unknown>()
  const seen = { pulls: 0, cancelled: cancelled.promise }
  const stream = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        seen.pulls++
        await pull(controller)
      },
      cancel: reason => cancelled.resolve(reason),
    },
    { highWaterMark: 0 },
  )
  return { stream, seen }
}

describe('the head', () => {
  test('has the status, its text, and the headers, of which cookies keep their lines', async () => {
    const { port } = await serving(() => {
      const response = new Response('hi', { status: 418, statusText: 'Short and stout', headers: { 'X-A': '1' } })
      response.headers.append('x-a', '2')
      response.headers.append('set-cookie', 'a=b; Expires=Wed, 01 Jan 2031 00:00:00 GMT')
      response.headers.append('set-cookie', 'c=d')
      return response
    })
    expect(await exchange(port, get('/'))).toBe(
      [
        'HTTP/1.1 418 Short and stout',
        'content-type: text/plain;charset=UTF-8',
        'x-a: 1, 2',
        'Set-Cookie: a=b; Expires=Wed, 01 Jan 2031 00:00:00 GMT',
        'Set-Cookie: c=d',
        'content-length: 2',
        'Date: -',
        'Connection: close',
        '',
        'hi',
      ]
        .join('\r\n')
        .replaceAll('Set-Cookie', 'set-cookie'),
    )
  })

  test('keeps a length that was given, for HEAD as well', async () => {
    const { port } = await serving(() => new Response(null, { headers: { 'content-length': '1234' } }))
    expect(await exchange(port, head(get('/')))).toContain('content-length: 1234\r\n')
  })

  test('has the type that is not said: no browser is to guess one', async () => {
    const { port } = await serving(() => new Response(text('<script>')))
    expect(await exchange(port, get('/'))).toContain('content-type: text/plain; charset=UTF-8\r\n')
  })

  test('has nothing in it that is about another connection', async () => {
    const about = { connection: 'keep-alive', 'keep-alive': 'timeout=99', upgrade: 'h2c', trailer: 'x-a' }
    const { port } = await serving(() => new Response('x', { headers: about }))
    const answer = await exchange(port, get('/'))
    expect(answer).toContain('content-length: 1\r\n')
    expect(answer).not.toMatch(/keep-alive|timeout|upgrade|trailer/i)
  })

  test('may ask for chunks, which take the place of a length', async () => {
    const chunks = { 'transfer-encoding': 'chunked' }
    const { port } = await serving(
      ({ url }) =>
        new Response('x', { headers: url.endsWith('/both') ? { ...chunks, 'content-length': '1' } : chunks }),
    )
    const [one, both, old] = [
      await exchange(port, get('/one')),
      await exchange(port, get('/both')),
      await exchange(port, get('/one').replace('1.1', '1.0')),
    ]
    expect(one).toMatch(/transfer-encoding: chunked\r\n[\s\S]*\r\n\r\n1\r\nx\r\n0\r\n\r\n$/)
    expect(one).not.toMatch(/content-length/i)
    for (const answer of [both, old]) {
      expect(answer).toMatch(/content-length: 1\r\n[\s\S]*\r\n\r\nx$/)
      expect(answer).not.toMatch(/chunked/i)
    }
  })

  test('may say that the connection is to be closed', async () => {
    const { port } = await serving(() => new Response('x', { headers: { connection: 'close' } }))
    const client = new RawClient(port).send('GET / HTTP/1.1\nHost: x\n\n')
    await client.closed
    expect(client.text).toMatch(/connection: close/i)
  })

  test.each([204, 304])('%i has no body', async status => {
    const { port } = await serving(() => new Response(null, { status }))
    const client = new RawClient(port).send(`GET / HTTP/1.1\nHost: x\n\n${get('/')}`)
    await client.closed
    expect(client.text.match(new RegExp(`HTTP/1.1 ${status} [\\s\\S]*?\\r\\n\\r\\n(?=HTTP|$)`, 'g'))).toHaveLength(2)
    expect(client.text).not.toMatch(/chunked|content-length/i)
  })

  test('keeps the cookies that were set in front of the handler', async () => {
    const { port } = await serving((_request, { outgoing }) => {
      outgoing.setHeader('Set-Cookie', 'first=1')
      outgoing.setHeader('X-Frame', 'no')
      return new Response('x', { headers: { 'set-cookie': 'second=2' } })
    })
    expect(await exchange(port, get('/'))).toMatch(
      /Set-Cookie: first=1\r\n[\s\S]*set-cookie: second=2|Set-Cookie: first=1\r\nSet-Cookie: second=2/,
    )
  })
})

describe('the body', () => {
  /** What was sent in chunks, however Node has cut them. */
  const joined = (answer: string) =>
    answer.slice(answer.indexOf('\r\n\r\n') + 4).replace(/[\da-f]+\r\n(.*?)\r\n/g, '$1')

  test.each<[string, () => BodyInit, string]>([
    ['text', () => 'some text', 'some text'],
    ['bytes', () => text('bytes'), 'bytes'],
    ['a blob', () => new Blob(['blob']), 'blob'],
    ['a form', () => new URLSearchParams({ a: 'b c' }), 'a=b+c'],
    ['empty text', () => '', ''],
    ['a stream of one piece', () => pieces(text('one')), 'one'],
  ])('of %s has a length', async (_what, body, sent) => {
    const { port } = await serving(() => new Response(body()))
    const answer = await exchange(port, get('/'))
    expect(answer).toContain(`content-length: ${sent.length}\r\n`)
    expect(answer.slice(answer.indexOf('\r\n\r\n') + 4)).toBe(sent)
    const headOnly = await exchange(port, head(get('/')))
    expect(headOnly).toContain(`content-length: ${sent.length}\r\n`)
    expect(headOnly.slice(headOnly.indexOf('\r\n\r\n') + 4)).toBe('')
  })

  test('of a stream of several pieces is sent in chunks', async () => {
    const { port } = await serving(() => new Response(pieces(text('one'), text('two'))))
    const answer = await exchange(port, get('/'))
    expect(answer).toContain('Transfer-Encoding: chunked\r\n')
    expect(joined(answer)).toBe('onetwo')
  })

  test('of a stream with a length is sent as it is', async () => {
    const { port } = await serving(
      () =>
        new Response(pieces(text('one'), text('two')), {
          headers: { 'content-length': '6' },
        }),
    )
    const answer = await exchange(port, get('/'))
    expect(answer).toMatch(/content-length: 6\r\n[\s\S]*\r\n\r\nonetwo$/)
    expect(answer).not.toContain('chunked')
  })

  test('to a client of HTTP/1.0 ends with the connection', async () => {
    const { port } = await serving(() => new Response(pieces(text('one'), text('two'))))
    expect(await exchange(port, get('/').replace('1.1', '1.0'))).toMatch(/\r\n\r\nonetwo$/)
  })

  test('that waits has its head sent ahead, and each piece when it comes', async () => {
    const second = defer<Uint8Array>()
    const { stream } = source(async controller => controller.enqueue(await second.promise))
    const { port } = await serving(() => new Response(stream, { headers: { 'content-type': 'text/event-stream' } }))
    const client = new RawClient(port).send(get('/'))
    await client.until(/\r\n\r\n$/)
    second.resolve(text('data: 1\n\n'))
    await client.until(/data: 1/)
    client.socket.destroy()
  })

  test('is read no faster than the client takes it', async () => {
    const chunk = new Uint8Array(1 << 16)
    const { stream, seen } = source(controller => controller.enqueue(chunk))
    const { port } = await serving(() => new Response(stream))
    const client = new RawClient(port).send(get('/'))
    await client.until(/\r\n\r\n/)
    client.socket.pause()
    let pulls = -1
    while (pulls !== seen.pulls) {
      pulls = seen.pulls
      for (let i = 0; i < 10; i++) await turns()
    }
    client.socket.resume()
    while (seen.pulls < pulls + 50) await turns()
    client.socket.destroy()
    expect(await seen.cancelled).toMatchObject({ name: 'AbortError' })
  })

  test('is not read for HEAD, and cancelled', async () => {
    const { stream, seen } = source(async controller => {
      await turns()
      controller.enqueue(text('more'))
    })
    const { port } = await serving(() => new Response(stream))
    expect(await exchange(port, head(get('/')))).toMatch(/^HTTP\/1.1 200 OK[\s\S]*\r\n\r\n$/)
    await seen.cancelled
    expect(seen.pulls).toBe(1)
  })

  test('that fails after it has begun breaks the connection off, and is reported', async () => {
    const { port, errors } = await serving(() => {
      const { stream, seen } = source(async controller => {
        if (seen.pulls <= 2) controller.enqueue(text('part'))
        else throw new Error('the disk is gone')
        await turns()
      })
      return new Response(stream)
    })
    const client = new RawClient(port).send(get('/'))
    await client.closed
    expect(client.text).toMatch(/part/)
    expect(client.text).not.toMatch(/\r\n0\r\n/)
    expect(errors).toMatchObject([{ code: 'HANDLER_FAILED', cause: { message: 'the disk is gone' } }])
  })

  test('that fails before anything was sent is a 500', async () => {
    const { port, errors } = await serving(() => {
      const { stream } = source(() => Promise.reject(new Error('no disk')))
      return new Response(stream, { headers: { 'x-secret': '1' } })
    })
    const answer = await exchange(port, get('/'))
    expect(answer).toMatch(/^HTTP\/1.1 500 Internal Server Error/)
    expect(answer).not.toContain('x-secret')
    expect(errors).toMatchObject([{ cause: { message: 'no disk' } }])
  })

  test.each([
    ['more', 2],
    ['less', 100],
  ])('of %s bytes than the head says breaks the connection off', async (_which, length) => {
    const { port, errors } = await serving(() => {
      return new Response(pieces(text('one'), text('two')), { headers: { 'content-length': String(length) } })
    })
    const client = new RawClient(port).send(`GET / HTTP/1.1\nHost: x\n\n`)
    await client.closed
    expect(errors).toMatchObject([{ cause: { code: 'ERR_HTTP_CONTENT_LENGTH_MISMATCH' } }])
  })

  test('of text, which the standard does not know, is sent all the same', async () => {
    const { port } = await serving(({ url }) => new Response(url.endsWith('/1') ? pieces('ü') : pieces('ü', 'ö')))
    expect(await exchange(port, get('/1'))).toContain('content-length: 2\r\n')
    expect(Buffer.from(joined(await exchange(port, get('/2'))), 'latin1').toString()).toBe('üö')
  })

  test('of what is no bytes fails', async () => {
    const { port, errors } = await serving(() => new Response(pieces({ a: 1 })))
    expect(await exchange(port, get('/'))).toMatch(/^HTTP\/1.1 500/)
    expect(errors).toHaveLength(1)
  })

  test('that has a reader already fails', async () => {
    const { port, errors } = await serving(() => {
      const response = new Response('x')
      response.body?.getReader()
      return response
    })
    expect(await exchange(port, get('/'))).toMatch(/^HTTP\/1.1 500/)
    expect(errors).toMatchObject([{ cause: { name: 'TypeError' } }])
  })
})

describe('a client that leaves', () => {
  test.each([
    ['before the handler has answered', 0],
    ['in the middle of the body', 1],
  ])('%s: the signal is aborted and the body cancelled', async (_when, pieces) => {
    const aborted = defer<Request>()
    const ready = defer()
    const answer = defer<Response>()
    const { stream, seen } = source(async controller => {
      if (seen.pulls <= 1) controller.enqueue(text('part'))
      else await new Promise(() => {})
    })
    const { port, errors } = await serving(request => {
      request.signal.addEventListener('abort', () => aborted.resolve(request))
      ready.resolve()
      return answer.promise
    })
    const client = new RawClient(port).send(get('/'))
    await ready.promise
    if (pieces > 0) {
      answer.resolve(new Response(stream))
      await client.until(/part/)
    }
    client.socket.destroy()
    const { signal } = await aborted.promise
    expect(signal.reason).toMatchObject({ name: 'AbortError', cause: { code: 'CLIENT_GONE' } })
    if (pieces === 0) answer.resolve(new Response(stream))
    expect(await seen.cancelled).toBe(signal.reason)
    expect(errors).toEqual([])
  })

  test('before a pipelined request has had its turn: its signal is aborted, too', async () => {
    const aborted = defer()
    const both = defer()
    const { port } = await serving(request => {
      if (request.url.endsWith('/second')) {
        request.signal.addEventListener('abort', () => aborted.resolve())
        both.resolve()
      }
      return new Promise<Response>(() => {})
    })
    const client = new RawClient(port).send('GET /first HTTP/1.1\nHost: x\n\nGET /second HTTP/1.1\nHost: x\n\n')
    await both.promise
    client.socket.destroy()
    await aborted.promise
  })

  test('what fetch was waiting for it ends, and is no error of the handler', async () => {
    const { port, errors } = await serving(
      ({ signal }) =>
        new Promise<Response>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    )
    const client = new RawClient(port).send(get('/'))
    await turns()
    client.socket.destroy()
    await turns()
    expect(errors).toEqual([])
  })

  test('has not left when the response has ended, nor when its POST has been read', async () => {
    const signals: AbortSignal[] = []
    const { port } = await serving(async request => {
      signals.push(request.signal)
      await request.text()
      await turns()
      return new Response(`${request.signal.aborted}`)
    })
    const body = 'POST / HTTP/1.1\nHost: x\nContent-Length: 2\n\nhi'
    const client = new RawClient(port).send(`${body}${body}${get('/')}`)
    await client.closed
    expect(client.text.match(/\r\n\r\nfalse/g)).toHaveLength(3)
    await turns()
    expect(signals.map(({ aborted }) => aborted)).toEqual([false, false, false])
  })

  test('leaves no listener on the socket of others', async () => {
    const sockets = new Set<NodeJS.EventEmitter>()
    const { port } = await serving((_request, { incoming }) => {
      sockets.add(incoming.socket)
      return new Response('x')
    })
    const counts = new Set<number>()
    const client = new RawClient(port)
    for (let i = 1; i <= 20; i++) {
      client.send('GET / HTTP/1.1\nHost: x\n\n')
      await client.until(/\r\n\r\nx/, i)
      for (const socket of sockets) counts.add(socket.listenerCount('close'))
    }
    expect([sockets.size, counts.size]).toEqual([1, 1])
    client.socket.destroy()
  })
})

describe('errors of the handler', () => {
  test.each<[string, FetchFunction]>([
    [
      'throws',
      () => {
        throw new Error('no')
      },
    ],
    ['rejects', async () => Promise.reject(new Error('no'))],
    [
      'throws nothing',
      () => {
        throw undefined
      },
    ],
    ['returns what is no response', () => 'text' as unknown as Response],
    ['returns a response of a failed fetch', () => Response.error()],
    ['returns what is only the begin of one', () => ({ status: 101, headers: new Headers(), body: null }) as Response],
  ])('it %s: 500, reported', async (_how, handler) => {
    const { port, errors } = await serving(handler)
    expect(await exchange(port, get('/'))).toMatch(
      /^HTTP\/1.1 500 Internal Server Error[\s\S]*Internal Server Error\n$/,
    )
    expect(errors.map(({ code }) => code)).toEqual(['HANDLER_FAILED'])
  })
})

describe('who answers through Node’s response', () => {
  test('may return any response: nothing is added', async () => {
    const { port, errors } = await serving((_request, { outgoing }) => {
      outgoing.end('native')
      return new Response('standard')
    })
    expect(await exchange(port, get('/'))).toMatch(/\r\n\r\nnative$/)
    expect(errors).toEqual([])
  })

  test('may be in the middle of it', async () => {
    const { port, errors } = await serving((_request, { outgoing }) => {
      outgoing.write('native')
      setImmediate(() => outgoing.end(' to the end'))
      return new Response('standard')
    })
    const answer = await exchange(port, get('/'))
    expect(answer).toMatch(/native\r\n[\s\S]* to the end/)
    expect(answer).not.toContain('standard')
    expect(errors).toEqual([])
  })

  test('later returns the mark that Hono defines', async () => {
    const { port } = await serving((_request, { outgoing }) => {
      setImmediate(() => outgoing.end('later'))
      return new Response(null, { headers: { 'x-hono-already-sent': 'true' } })
    })
    expect(await exchange(port, get('/'))).toMatch(/\r\n\r\nlater$/)
  })
})
