/** What a fetch handler sees of a request. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { fetchHandler } from '../../../src/host/index.js'
import { closeHosts, defer, exchange, get, newHost, RawClient, started, turns } from '../../host/support.js'

afterEach(closeHosts)

/** Serves a fetch app that answers with what `look` makes of its request, as JSON. */
async function shown(look: (request: Request) => unknown, path = '/'): Promise<number> {
  const host = newHost()
  host.mount(path, { fetch: async (request: Request) => Response.json((await look(request)) ?? null) })
  return (await started(host)).port
}

const bodyOf = (answer: string): unknown => JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4))
const status = (answer: string) => answer.slice(9, 12)

describe('the URL', () => {
  test.each([
    ['a path', get('/a/b?c=d%20e'), 'http://x/a/b?c=d%20e'],
    ['an absolute target, whose host counts', get('http://other:81/a'), 'http://other:81/a'],
    ['two slashes at its begin, which name no host', get('//evil.example/a'), 'http://x//evil.example/a'],
    ['a port', 'GET / HTTP/1.1\nHost: Example.com:8080\nConnection: close\n\n', 'http://example.com:8080/'],
    ['IPv6', 'GET / HTTP/1.1\nHost: [::1]:3000\nConnection: close\n\n', 'http://[::1]:3000/'],
    ['a backslash in the query', get('/a?b=\\c'), 'http://x/a?b=\\c'],
    ['dots', get('/a/./b/../c'), 'http://x/a/c'],
  ])('of %s', async (_what, request, url) => {
    const port = await shown(({ url }) => url)
    expect(bodyOf(await exchange(port, request))).toBe(url)
  })

  test('of a client that names no host has the address it connected to', async () => {
    const port = await shown(({ url }) => url)
    expect(bodyOf(await exchange(port, 'GET /old HTTP/1.0\n\n'))).toBe(`http://127.0.0.1:${port}/old`)
  })

  test('believes no forwarding header', async () => {
    const port = await shown(({ url }) => url)
    const forwarded = 'X-Forwarded-Host: evil\nX-Forwarded-Proto: https\nForwarded: host=evil;proto=https\n'
    expect(bodyOf(await exchange(port, get('/', forwarded)))).toBe('http://x/')
  })

  test.each([
    ['a user', 'Host: user@x'],
    ['a path', 'Host: x/y'],
    ['a query', 'Host: x?y'],
    ['an escape', 'Host: ex%61mple.com'],
    ['a port out of range', 'Host: x:99999'],
    ['a bad number', 'Host: 1.2.3.999'],
  ])('of a host with %s cannot be made: 400', async (_what, host) => {
    const port = await shown(({ url }) => url)
    expect(status(await exchange(port, `GET / HTTP/1.1\n${host}\nConnection: close\n\n`))).toBe('400')
  })

  test.each([['*'], ['/a\\..\\b'], ['http://user@/']])('of the target %s cannot be made: 400', async target => {
    const port = await shown(({ url }) => url)
    expect(status(await exchange(port, `OPTIONS ${target} HTTP/1.1\nHost: x\nConnection: close\n\n`))).toBe('400')
  })

  test.each(['/pub/../admin', '/pub/%2e%2E/admin', '/pub/x/../../admin', 'http://x/pub/../admin'])(
    'cannot leave the mount: %s',
    async path => {
      const port = await shown(({ url }) => url, '/pub')
      expect(status(await exchange(port, get(path)))).toBe('400')
      expect(bodyOf(await exchange(port, get('/pub/a/../b')))).toBe('http://x/pub/b')
    },
  )

  test('under strip is the rest', async () => {
    const host = newHost()
    host.mount('/pub', { fetch: (request: Request) => new Response(request.url) }, { strip: true })
    const { url } = await started(host)
    expect(await (await fetch(`${url}/pub/a?b`)).text()).toBe(`${url}/a?b`)
    expect(await (await fetch(`${url}/pub?b`)).text()).toBe(`${url}/?b`)
  })
})

describe('the headers', () => {
  test('of several lines are joined; cookies by semicolons', async () => {
    const port = await shown(({ headers }) => Object.fromEntries(headers))
    const lines = 'X-A: 1\nx-a: 2\nCookie: a=b\nCookie: c=d\nSet-Cookie: q\nX-Empty:\nX-Latin: caf\u00e9\n'
    const client = new RawClient(port)
    client.socket.setDefaultEncoding('latin1')
    client.send(get('/', lines))
    await client.closed
    expect(bodyOf(Buffer.from(client.text, 'latin1').toString())).toEqual({
      connection: 'close',
      cookie: 'a=b; c=d',
      host: 'x',
      'set-cookie': 'q',
      'x-a': '1, 2',
      'x-empty': '',
      'x-latin': 'café',
    })
  })

  test('that may come once are what every other framework sees: the first', async () => {
    const port = await shown(({ headers }) => headers.get('authorization'))
    expect(bodyOf(await exchange(port, get('/', 'Authorization: one\nAuthorization: two\n')))).toBe('one')
  })
})

describe('the method', () => {
  test.each(['GET', 'DELETE', 'PATCH', 'OPTIONS', 'PROPFIND', 'TRACE', 'QUERY'])('%s', async method => {
    const port = await shown(request => [request.method, request.body === null])
    const answer = await exchange(port, `${method} / HTTP/1.1\nHost: x\nConnection: close\n\n`)
    expect(bodyOf(answer)).toEqual([method, true])
  })
})

const post = (body: string, headers = `Content-Length: ${body.length}`) =>
  `POST / HTTP/1.1\nHost: x\nConnection: close\n${headers}\n\n${body}`

describe('the body', () => {
  test.each([
    ['with a length', post('hello'), 'hello'],
    ['in chunks', post('3\nhel\n2\nlo\n0\n\n', 'Transfer-Encoding: chunked'), 'hello'],
    ['of length 0', post(''), ''],
    ['that is not there', post('', 'X: y'), ''],
  ])('%s', async (_what, request, text) => {
    const port = await shown(async sent => [sent.body === null, await sent.text(), sent.bodyUsed])
    expect(bodyOf(await exchange(port, request))).toEqual([text === '', text, text !== ''])
  })

  test('can be taken as whatever the standard knows', async () => {
    const port = await shown(async sent => {
      const copies = [sent.clone(), sent.clone(), sent.clone()] as const
      const [json, blob, bytes] = copies
      return [await json.json(), (await blob.blob()).size, (await bytes.arrayBuffer()).byteLength, await sent.text()]
    })
    expect(bodyOf(await exchange(port, post('{"a":1}')))).toEqual([{ a: 1 }, 7, 7, '{"a":1}'])
  })

  test('as a form with a file', async () => {
    const port = await shown(async sent => {
      const form = await sent.formData()
      const file = form.get('file') as File
      return [form.get('name'), file.name, await file.text()]
    })
    const form = new FormData()
    form.set('name', 'value')
    form.set('file', new File(['content'], 'a.txt'))
    const response = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body: form })
    expect(await response.json()).toEqual(['value', 'a.txt', 'content'])
  })

  test('can be read into memory of the reader’s own, to its last byte', async () => {
    const port = await shown(async ({ body }) => {
      const reader = (body as ReadableStream<Uint8Array>).getReader({ mode: 'byob' })
      let text = ''
      for (;;) {
        const { done, value } = await reader.read(new Uint8Array(3))
        if (done) return text
        text += Buffer.from(value)
      }
    })
    expect(bodyOf(await exchange(port, post('hello world')))).toBe('hello world')
  })

  test('is in memory of its own, not in what Node shares out to buffers', async () => {
    const host = newHost()
    const look = fetchHandler(async ({ body }) => {
      for await (const chunk of body as unknown as AsyncIterable<Uint8Array>) {
        return Response.json([Buffer.from(chunk).toString(), chunk.buffer.byteLength])
      }
      return new Response(null)
    })
    host.mount('/', (req: IncomingMessage, res: ServerResponse) => {
      req.unshift(Buffer.from('before '))
      look(req, res)
    })
    const { port } = await started(host)
    expect(bodyOf(await exchange(port, post('hello')))).toEqual(['before ', 7])
  })

  test('is the upstream’s when the request is sent on', async () => {
    const host = newHost()
    const upstream = await shown(async sent => [sent.method, await sent.text(), sent.headers.get('x-a')])
    host.mount('/', {
      fetch: (request: Request) => fetch(new Request(`http://127.0.0.1:${upstream}/`, request)),
    })
    const { port } = await started(host)
    const answer = await exchange(port, post('hello', 'X-A: 1\nContent-Length: 5'))
    expect(bodyOf(answer.replace(/\r\n\r\n[\da-f]+\r\n(.*)\r\n0\r\n\r\n$/, '\r\n\r\n$1'))).toEqual([
      'POST',
      'hello',
      '1',
    ])
  })

  test.each([0, 1])('holds the client back while nobody reads it, after %i pieces', async before => {
    let read = () => {}
    const may = new Promise<void>(resolve => {
      read = resolve
    })
    const port = await shown(async ({ body }) => {
      let size = 0
      let pieces = 0
      if (before === 0) await may
      for await (const chunk of body as unknown as AsyncIterable<Uint8Array>) {
        size += chunk.length
        if (++pieces === before) await may
      }
      return size
    })
    const size = 32 << 20
    const client = new RawClient(port).send(`POST / HTTP/1.1\nHost: x\nConnection: close\nContent-Length: ${size}\n\n`)
    client.socket.write(Buffer.alloc(size))
    let written = -1
    // At rest: the kernel's buffers and ours are full, and the rest is with the client.
    while (written !== client.socket.bytesWritten - client.socket.writableLength) {
      written = client.socket.bytesWritten - client.socket.writableLength
      for (let i = 0; i < 10; i++) await turns()
    }
    expect(client.socket.writableLength).toBeGreaterThan(size / 4)
    read()
    await client.closed
    expect(bodyOf(client.text)).toBe(size)
  })

  test.each([
    ['not read at all', async () => 'unread'],
    ['read in part', async (sent: Request) => (await sent.body?.getReader().read())?.done],
    ['cancelled', async (sent: Request) => (await sent.body?.cancel()) ?? 'cancelled'],
  ])('when %s, does not hurt the next request', async (_how, look) => {
    const port = await shown(look)
    const size = 4 << 20
    const client = new RawClient(port).send(`POST / HTTP/1.1\nHost: x\nContent-Length: ${size}\n\n`)
    client.socket.write(Buffer.alloc(size))
    client.send(get('/'))
    await client.closed
    expect(client.text.match(/HTTP\/1.1 200 OK/g)).toHaveLength(2)
  })

  test('fails to be read after the response, rather than to be short', async () => {
    const outcome = new Promise<unknown>(resolve => {
      const host = newHost()
      host.mount('/', {
        fetch: (request: Request) => {
          const reader = request.body?.getReader()
          reader
            ?.read()
            .then(async () => {
              await turns()
              let result = await reader.read()
              while (!result.done) result = await reader.read()
              return 'read'
            })
            .then(resolve, resolve)
          return new Response('early')
        },
      })
      started(host).then(({ port }) => {
        const client = new RawClient(port).send('POST / HTTP/1.1\nHost: x\nContent-Length: 1000000\n\nbegin')
        client.until(/early/).then(() => client.socket.write(Buffer.alloc(1_000_000 - 5)))
      })
    })
    expect(await outcome).toMatchObject({ name: 'AbortError' })
  })

  test.each(['end', 'resetAndDestroy'] as const)(
    'that has come in as a whole is read after its client’s %s()',
    async how => {
      const host = newHost()
      const received = defer<IncomingMessage>()
      const goOn = defer()
      const read = defer<string>()
      host.mount('/', {
        fetch: async (request: Request, { incoming }: { incoming: IncomingMessage }) => {
          received.resolve(incoming)
          await goOn.promise
          request.text().then(read.resolve, error => read.resolve(error.name))
          return new Response('late')
        },
      })
      const client = new RawClient((await started(host)).port).send(post('hello', 'Content-Length: 5'))
      const req = await received.promise
      while (!req.complete) await turns()
      client.socket[how]()
      await new Promise(resolve => req.socket.once('close', resolve))
      await turns()
      goOn.resolve()
      expect(await read.promise).toBe('hello')
    },
  )

  test('fails when the client leaves in the middle', async () => {
    const host = newHost()
    const outcome = new Promise<unknown>(resolve => {
      host.mount('/', {
        fetch: (request: Request) => {
          request.text().then(resolve, resolve)
          return new Promise<Response>(() => {})
        },
      })
    })
    const { port } = await started(host)
    const client = new RawClient(port).send(post('part', 'Content-Length: 100'))
    await turns()
    client.socket.destroy()
    expect(await outcome).toMatchObject({ name: 'AbortError', cause: { code: 'CLIENT_GONE' } })
  })
})
