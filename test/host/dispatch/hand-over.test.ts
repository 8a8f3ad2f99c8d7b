import { tracingChannel } from 'node:diagnostics_channel'
import { Agent, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { connect } from 'node:http2'
import { PassThrough } from 'node:stream'
import { buffer, text } from 'node:stream/consumers'
import { gzipSync } from 'node:zlib'
import type { RequestTrace } from '../../../src/adapters/port.js'
import {
  createHost,
  type HandOverOptions,
  type Host,
  type Middleware,
  passOn,
  requestScope,
} from '../../../src/host/index.js'
import { openExchange } from '../../../src/host/request/connection.js'
import { type Body, bodies, inChunks, readers } from '../body-readers.js'
import { ca, server as tls } from '../certificates.js'
import { express, fastify } from '../frameworks.js'
import { alone, closeHosts, defer, newHost, RawClient, started, turns } from '../support.js'

afterEach(closeHosts)

/** A client with one connection that it keeps. */
function client(port: number) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const post = ({ headers, pieces }: Pick<Body, 'headers' | 'pieces'>, path = '/x'): Promise<string> =>
    new Promise((resolve, reject) => {
      const options = { port, host: '127.0.0.1', method: 'POST', path, headers, agent, timeout: 5000 }
      const req = request(options, async res => {
        const answer = await text(res)
        resolve(res.statusCode === 200 ? answer : `${res.statusCode} ${answer}`)
      })
      req.on('error', reject).on('timeout', () => req.destroy(new Error('hangs')))
      for (const piece of pieces.slice(0, -1)) req.write(piece)
      req.end(pieces.at(-1))
    })
  return { post, end: () => agent.destroy() }
}

const bytes = (...pieces: (string | Buffer)[]) => ({ headers: {}, pieces })

/** Answers with the length and the begin of the body. */
async function echo(req: IncomingMessage, res: ServerResponse): Promise<void> {
  const body = await buffer(req)
  res.end(`${body.length} ${body.subarray(0, 12).toString('latin1')}`)
}

/** A server that has the beginning of the body, or all of it, before it calls the host. */
function callingLate({ handler }: { handler: Middleware }, before: Middleware = (_req, _res, next) => next()) {
  const wait: Middleware = async (_req, _res, next) => {
    await turns()
    next()
  }
  return express().use(before, wait, handler)
}

/** A host in which `first` is asked before `last`. */
async function chain(first: Middleware, last: Middleware = echo, handOver: boolean | HandOverOptions = true) {
  const codes: string[] = []
  const host = newHost({ onError: error => void codes.push(error.code) })
  host.mount('/', first, { handOver }).mount('/', last)
  const { port } = await started(host)
  return { host, port, codes, ...client(port) }
}

describe.each(Object.keys(readers))('what %s has read', first => {
  test.each(Object.keys(readers))('%s reads again', async last => {
    const seen: string[] = []
    const host = newHost()
    readers[first]?.(host, value => seen.push(`first ${value}`), 'first')
    readers[last]?.(host, value => seen.push(`last ${value}`), 'last')
    const { port } = await started(host)
    const { post, end } = client(port)
    for (const body of [...bodies, ...bodies.filter(({ pieces }) => pieces.length === 1).map(inChunks)]) {
      const answer = await post(body)
      expect([body.name, answer]).toEqual([body.name, body.value])
      expect(seen.splice(0)).toEqual([`first ${body.value}`, `last ${body.value}`])
    }
    end()
  })
})

describe('a body that was read in part', () => {
  const pieces = [Buffer.from('head\xff', 'latin1'), 'x'.repeat(100_000), ';tail']
  const whole = '100010 head\xffxxxxxxx'
  const late: Middleware = async (req, res) => {
    await turns()
    await echo(req, res)
  }

  const ways: Record<string, Middleware> = {
    'one chunk, then paused': (req, _res, next) => {
      req.once('data', () => {
        req.pause()
        next()
      })
    },
    'one chunk, and the listener stays': (req, _res, next) => {
      req.on('data', () => {})
      req.once('data', () => next())
    },
    'some bytes by read()': (req, _res, next) => {
      req.once('readable', () => {
        req.read(2)
        next()
      })
    },
    'some bytes by read(), by a listener that stays and reads no more': (req, _res, next) => {
      let done = false
      req.on('readable', () => {
        if (done) return
        done = true
        req.read(2)
        next()
      })
    },
    'some bytes that were put back': (req, _res, next) => {
      req.once('readable', () => {
        req.unshift(req.read(2))
        next()
      })
    },
    'piped into what nobody reads': (req, _res, next) => {
      req.pipe(new PassThrough({ highWaterMark: 1 }))
      req.once('data', () => next())
    },
    'by a read() of its own, which calls the one that was there': (req, _res, next) => {
      const { read } = req
      req.read = size => read.call(req, size)
      req.once('readable', () => {
        req.read(2)
        req.read(2)
        next()
      })
    },
    'by an iterator that was left open': async (req, _res, next) => {
      await req.iterator({ destroyOnReturn: false }).next()
      next()
    },
    'as text': (req, _res, next) => {
      req.setEncoding('utf8').once('data', () => next())
    },
    'not at all, but with an encoding set': (req, _res, next) => {
      req.setEncoding('latin1')
      next()
    },
    'not at all, but made to flow': (req, _res, next) => {
      req.resume()
      next()
    },
    'to its end, in the listener of the end': (req, _res, next) => {
      req.resume().on('end', () => next())
    },
    'to its end, in the listener of the close': (req, _res, next) => {
      req.resume().on('close', () => next())
    },
    'to its end, long ago': async (req, _res, next) => {
      await buffer(req)
      await turns()
      next()
    },
  }

  test.each(Object.entries(ways))('%s: the next app reads all of it', async (_name, first) => {
    for (const last of [echo, late]) {
      const { post, end } = await chain(first, last)
      for (let i = 0; i < 3; i++) expect(await post(bytes(...pieces))).toBe(whole)
      end()
    }
  })

  test.each(Object.entries(ways))('%s: a small one, which is there at once', async (_name, first) => {
    for (const last of [echo, late]) {
      const { post, end } = await chain(first, last)
      for (let i = 0; i < 3; i++) expect(await post(bytes('some text'))).toBe('9 some text')
      end()
    }
  })

  test.each(Object.entries(ways))('%s: what has come in before the host was called, too', async (_name, first) => {
    for (const last of [echo, late]) {
      const host = newHost()
      host.mount('/', first, { handOver: true }).mount('/', last)
      await alone(callingLate(host), async port => {
        const { post, end } = client(port)
        for (let i = 0; i < 3; i++) expect(await post(bytes(...pieces))).toBe(whole)
        expect(await post(bytes('some text'))).toBe('9 some text')
        end()
      })
    }
  })

  test('who still listens gets each byte once, and none of what the next app reads', async () => {
    const heard: string[] = []
    const { post, end } = await chain((req, _res, next) => {
      for (const event of ['data', 'end', 'close']) req.on(event, chunk => heard.push(`${event} ${chunk ?? ''}`.trim()))
      next()
    })
    expect(await post(bytes('some'))).toBe('4 some')
    expect(heard).toEqual(['data some', 'end', 'close'])
    end()
  })

  test('the next app waits for what its client has not sent yet', async () => {
    const reached = defer()
    const { port } = await chain((req, _res, next) => {
      req.once('data', () => {
        reached.resolve()
        next()
      })
    })
    const raw = new RawClient(port).send('POST / HTTP/1.1\nHost: x\nContent-Length: 8\n\nsome')
    await reached.promise
    raw.send('more')
    expect(await raw.until(/somemore$/)).toMatch(/^HTTP\/1.1 200/)
    raw.socket.destroy()
  })

  test('a client that leaves meanwhile cancels the request, and the next app never sees it', async () => {
    const [reached, left] = [defer(), defer<unknown>()]
    const last = jest.fn()
    const { port, codes } = await chain((req, _res, next) => {
      const { signal } = requestScope(req)
      signal.addEventListener('abort', () => left.resolve(signal.reason.reason))
      req.once('data', () => {
        next()
        reached.resolve()
      })
    }, last)
    const raw = new RawClient(port).send('POST / HTTP/1.1\nHost: x\nContent-Length: 8\n\nsome')
    await reached.promise
    raw.socket.destroy()
    expect(await left.promise).toMatchObject({ code: 'CLIENT_GONE' })
    await turns()
    expect(last).not.toHaveBeenCalled()
    expect(codes).toEqual([])
  })
})

describe('what has come in before the host was called', () => {
  test('is handed over with the rest, from host to host', async () => {
    const sizes: number[] = []
    const size: Middleware = async (req, _res, next) => {
      sizes.push((await buffer(req)).length)
      next()
    }
    const [outer, inner] = [newHost(), newHost()]
    inner.mount('/', size, { handOver: true }).mount('/', (...args) => size(...args), { handOver: true })
    outer.mount('/', inner, { handOver: true }).mount('/', echo)
    await alone(callingLate(outer), async port => {
      const { post, end } = client(port)
      const pieces = ['head', 'x'.repeat(200_000)]
      for (let i = 0; i < 3; i++) expect(await post(bytes(...pieces))).toBe('200004 headxxxxxxxx')
      expect(await post(bytes('some'))).toBe('4 some')
      end()
    })
    expect(sizes).toEqual([200_004, 200_004, 200_004, 200_004, 200_004, 200_004, 4, 4])
  })

  test('is read whole by the first app, too, at the speed at which it reads', async () => {
    const sizes: unknown[] = []
    const host = newHost()
    const listen: Middleware = (req, _res, next) => {
      const { readableHighWaterMark } = req
      let size = 0
      req.on('data', chunk => {
        size += chunk.length
      })
      req.on('end', () => {
        sizes.push([size, req.readableHighWaterMark - readableHighWaterMark])
        next()
      })
    }
    host.mount('/', listen, { handOver: true }).mount('/', echo)
    await alone(callingLate(host), async port => {
      const { post, end } = client(port)
      for (const length of [4, 100_000, 300_000]) await post(bytes('x'.repeat(length)))
      end()
    })
    expect(sizes).toEqual([
      [4, 0],
      [100_000, 0],
      [300_000, 0],
    ])
  })

  const pass: Middleware = (_req, _res, next) => next()

  test('is as it was, for an app that is not the first to see it', async () => {
    const seen: unknown[] = []
    const look: Middleware = (req, res) => {
      const { readableDidRead, readableLength, readableFlowing, readableHighWaterMark } = req
      seen.push([readableDidRead, Math.min(readableLength, 10_000), readableFlowing, readableHighWaterMark])
      res.end('seen')
    }
    const host = newHost()
    host.mount('/', pass, { handOver: true }).mount('/', look)
    for (const server of [callingLate(host), callingLate({ handler: look })]) {
      await alone(server, async port => {
        const { post, end } = client(port)
        for (const length of [4, 10_000, 100_000]) expect(await post(bytes('x'.repeat(length)))).toBe('seen')
        end()
      })
    }
    expect(seen.slice(3)).toEqual(seen.slice(0, 3))
  })

  test.each([4, 100_000, 2_000_000])('is thrown away with the rest if nobody reads it: %d bytes', async length => {
    const host = newHost()
    host.mount('/', pass, { handOver: true }).mount('/', (_req, res) => res.end('unread'))
    await alone(callingLate(host), async port => {
      const { post, end } = client(port)
      for (let i = 0; i < 3; i++) expect(await post(bytes('x'.repeat(length)))).toBe('unread')
      end()
    })
  })

  test('is heard once by who listened to it in front of the host', async () => {
    const heard: string[] = []
    const host = newHost()
    host.mount('/', pass, { handOver: true }).mount('/', echo)
    const listens: Middleware = (req, _res, next) => {
      req.pause().on('data', chunk => void heard.push(String(chunk)))
      next()
    }
    await alone(callingLate(host, listens), async port => {
      const { post, end } = client(port)
      expect(await post(bytes('some'))).toBe('4 some')
      end()
    })
    expect(heard).toEqual(['some'])
  })

  test('leaves nothing on the request', async () => {
    const own: string[][] = []
    const note: Middleware = (req, res) => {
      own.push(Object.getOwnPropertyNames(req).filter(name => ['push', 'read', 'setEncoding', 'emit'].includes(name)))
      res.end('noted')
    }
    const read: Middleware = async (req, _res, next) => {
      await buffer(req)
      next()
    }
    for (const first of [pass, read]) {
      const host = newHost()
      host.mount('/', first, { handOver: true }).mount('/', note)
      await alone(callingLate(host), async port => {
        const { post, end } = client(port)
        expect(await post(bytes('some'))).toBe('noted')
        end()
      })
    }
    expect(own).toEqual([[], []])
  })
})

describe('the second app sees a request that nobody has read', () => {
  interface Life {
    state: unknown[]
    events: string[]
    after: unknown[]
  }

  async function life(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const { readable, readableEnded, readableDidRead, readableFlowing, readableEncoding, destroyed, closed } = req
    const state = [readable, readableEnded, readableDidRead, readableFlowing, readableEncoding, destroyed, closed]
    const events: string[] = []
    for (const event of ['data', 'end', 'close', 'aborted', 'error']) req.on(event, () => events.push(event))
    await new Promise(resolve => req.on('close', resolve))
    const after = [req.readableEnded, req.complete, req.destroyed, req.aborted, req.errored]
    res.end(JSON.stringify({ state, events, after } satisfies Life))
  }

  test('and it lives as one', async () => {
    const read: Middleware = async (req, _res, next) => {
      await buffer(req.setEncoding('utf8'))
      next()
    }
    const [alone, second] = [await chain((_req, _res, next) => next(), life), await chain(read, life)]
    const answer = await second.post(bytes('some'))
    expect(answer).toBe(await alone.post(bytes('some')))
    expect(JSON.parse(answer)).toMatchObject({ events: ['data', 'end', 'close'] })
    alone.end()
    second.end()
  })

  test('and may leave it unread, or read it in part, and the connection serves on', async () => {
    const read: Middleware = async (req, _res, next) => {
      await buffer(req)
      next()
    }
    const lasts: Middleware[] = [
      (_req, res) => res.end('unread'),
      (req, res) => void req.once('data', () => res.end('unread')).once('data', () => req.pause()),
      (req, res) => {
        req.destroy()
        res.end('unread')
      },
    ]
    for (const [at, last] of lasts.entries()) {
      const { post, end } = await chain(read, last)
      const body = bytes('x'.repeat(200_000))
      // A request that is destroyed unread takes its connection with it, as in Node.
      if (at === 2) await expect(post(body)).rejects.toMatchObject({ code: 'ECONNRESET' })
      else for (let i = 0; i < 3; i++) expect(await post(body)).toBe('unread')
      end()
    }
  })

  test('with its trailers', async () => {
    const { port } = await chain(
      async (req, _res, next) => {
        await buffer(req)
        next()
      },
      async (req, res) => {
        const body = await text(req)
        res.end(`${body} ${JSON.stringify(req.trailers)}`)
      },
    )
    const raw = new RawClient(port)
    raw.send('POST / HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n\n4\nsome\n0\nX-Sum: 7\n\n')
    await raw.until(/some \{"x-sum":"7"\}/)
    raw.socket.destroy()
  })

  test('on every request of a pipeline, in order', async () => {
    const { port } = await chain(async (req, _res, next) => {
      await buffer(req)
      next()
    })
    const raw = new RawClient(port)
    const requests = [1, 2, 3, 4].map(i => `POST /${i} HTTP/1.1\nHost: x\nContent-Length: 5\n\nbody${i}`)
    raw.send(requests.join(''))
    const got = await raw.until(/5 body\d/, 4)
    expect([...got.matchAll(/5 body\d/g)].join()).toBe('5 body1,5 body2,5 body3,5 body4')
    raw.socket.destroy()
  })
})

describe('the limit', () => {
  const read: Middleware = async (req, _res, next) => {
    await buffer(req)
    next()
  }

  test('a body of just that size is handed over; a larger one is 413, and said to onError', async () => {
    const { post, codes, end } = await chain(read, echo, { limit: 10 })
    expect(await post(bytes('0123456789'))).toBe('10 0123456789')
    expect(await post(bytes('0123456789a'))).toBe('413 Payload Too Large\n')
    expect(await post(bytes('01234567', '89a'))).toBe('413 Payload Too Large\n')
    expect(codes).toEqual(['HAND_OVER_LIMIT', 'HAND_OVER_LIMIT'])
    expect(await post(bytes('on'))).toBe('2 on')
    end()
  })

  test('is 1 MiB by default', async () => {
    const { post, end } = await chain(read)
    expect(await post(bytes('x'.repeat(1_048_576)))).toBe('1048576 xxxxxxxxxxxx')
    expect(await post(bytes('x'.repeat(1_048_577)))).toMatch(/^413/)
    end()
  })

  test('counts what is sent, not what it inflates to', async () => {
    const body = gzipSync(JSON.stringify({ a: 'x'.repeat(50_000) }))
    const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip' }
    const app = express().use(express.json())
    const { post, end } = await chain(app, echo, { limit: 1000 })
    expect(await post({ headers, pieces: [body] })).toMatch(new RegExp(`^${body.length} `))
    end()
  })

  test('is said before the rest of the body has come', async () => {
    const { port } = await chain((req, _res, next) => void req.once('data', () => next()), echo, { limit: 10 })
    const raw = new RawClient(port).send('POST / HTTP/1.1\nHost: x\nContent-Length: 1000\n\nsome')
    await turns()
    raw.send('x'.repeat(100))
    await raw.until(/^HTTP\/1.1 413 Payload Too Large/)
    raw.send('y'.repeat(896)).send('POST / HTTP/1.1\nHost: x\nContent-Length: 2\n\non')
    await raw.until(/2 on$/)
    raw.socket.destroy()
  })

  test('is not there for a body that nobody has read: it is streamed on, and holds its client back', async () => {
    const size = 8 * 1024 * 1024
    const gate = defer()
    const slow: Middleware = async (req, res) => {
      await gate.promise
      await echo(req, res)
    }
    const { port, post, end } = await chain((_req, _res, next) => next(), slow, { limit: 0 })
    const raw = new RawClient(port).send(`POST / HTTP/1.1\nHost: x\nContent-Length: ${size}\nConnection: close\n\n`)
    let flushed = false
    raw.socket.write(Buffer.alloc(size, 'y'), () => {
      flushed = true
    })
    await turns()
    expect(flushed).toBe(false)
    gate.resolve()
    await raw.closed
    expect(raw.text).toMatch(new RegExp(`${size} yyyy`))
    expect(await post(bytes())).toBe('0 ')
    end()
  })

  test.each([[-1], [1.5], ['1mb'], [Number.NaN]])('%p is refused', limit => {
    const host = newHost()
    const options: { handOver: HandOverOptions } = { handOver: { limit: Object(limit).valueOf() } }
    expect(() => host.mount('/', echo, options)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
  })

  test('what is no option is refused', () => {
    const handOver = Object('yes').valueOf()
    expect(() => createHost().mount('/', echo, { handOver })).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT', message: "handOver is 'yes': give true, or { limit }" }),
    )
  })

  test('is each mount’s own, in a chain of three', async () => {
    const host = newHost()
    const later: Middleware = async (_req, _res, next) => {
      await turns()
      next()
    }
    host.mount('/', later, { handOver: { limit: 0 } })
    host.mount('/', read, { handOver: { limit: 10 } })
    host.mount('/', (...args) => read(...args), { handOver: { limit: 5 } })
    host.mount('/', echo)
    const { post, end } = client((await started(host)).port)
    expect(await post(bytes('12', '345'))).toBe('5 12345')
    expect(await post(bytes('12', '3456'))).toMatch(/^413/)
    end()
  })
})

describe('beside what else the host does with a request', () => {
  const read: Middleware = async (req, _res, next) => {
    await buffer(req)
    next()
  }

  test('a limit on bodies holds, and what is below it is handed over', async () => {
    const host = newHost({ limits: { body: 100 }, onError: () => {} })
    host.mount('/', read, { handOver: true }).mount('/', echo)
    const { post, end } = client((await started(host)).port)
    expect(await post(bytes('some', 'more'))).toBe('8 somemore')
    expect(await post(bytes('x'.repeat(60), 'x'.repeat(41)))).toMatch(/^413/)
    end()
  })

  test('what was in front of the host is none of its business: who has read a body there has it', async () => {
    const host = newHost()
    const shown: Middleware = (req, res) => void res.end(JSON.stringify([Object(req).body, req.readableEnded]))
    host.mount('/', express().use(express.json()), { handOver: true }).mount('/', shown)
    const outer = express().use(express.json(), host.handler)
    await alone(outer, async port => {
      const { post, end } = client(port)
      const headers = { 'content-type': 'application/json' }
      for (let i = 0; i < 3; i++) expect(await post({ headers, pieces: ['{"a":1}'] })).toBe('[{"a":1},true]')
      end()
    })
  })

  test('nor does it change how who was in front wants a body to be read', async () => {
    const host = newHost()
    const asText: Middleware = async (req, res) => {
      let body = ''
      for await (const chunk of req) body += chunk
      res.end(`${req.readableEncoding} ${body}`)
    }
    host.mount('/', (_req, _res, next) => next(), { handOver: true }).mount('/', asText)
    const outer = express().use(async (req, _res, next) => {
      req.setEncoding('hex')
      await turns()
      next()
    }, host.handler)
    await alone(outer, async port => {
      const { post, end } = client(port)
      expect(await post(bytes('some'))).toBe('hex 736f6d65')
      end()
    })
  })

  test('a tracer is told of one request, and of the mount that has answered it', async () => {
    const told: string[] = []
    const channel = tracingChannel<string, RequestTrace>('syncless.http')
    const note = (name: string) => (trace: RequestTrace) => void told.push(`${name} ${trace.mount}`)
    const subscribers = {
      start: note('start'),
      end: note('end'),
      asyncStart: note('asyncStart'),
      asyncEnd: note('asyncEnd'),
      error: note('error'),
    }
    channel.subscribe(subscribers)
    const host = newHost()
    host.mount('/x', read, { handOver: true }).mount('/', echo)
    const { post, end } = client((await started(host)).port)
    expect(await post(bytes('some'))).toBe('4 some')
    await turns()
    channel.unsubscribe(subscribers)
    expect(told).toEqual(['start /x', 'end /x', 'asyncStart /', 'asyncEnd /'])
    end()
  })

  test('a bound on requests counts one that moves on once, at each mount that it passes', async () => {
    const host = newHost({ admission: { inFlight: 1, queue: 0 } })
    host.mount('/', read, { handOver: true, admission: { inFlight: 1, queue: 0 } })
    host.mount('/', echo, { admission: { inFlight: 1, queue: 0 } })
    const { post, end } = client((await started(host)).port)
    for (let i = 0; i < 3; i++) expect(await post(bytes('some'))).toBe('4 some')
    end()
  })
})

describe('Expect: 100-continue', () => {
  const ask = 'POST / HTTP/1.1\nHost: x\nExpect: 100-continue\nContent-Length: 4\nConnection: close\n\n'

  test.each([
    ['read', async (req: IncomingMessage) => void (await buffer(req))],
    ['unread', async () => {}],
  ])('a body that was %s is asked for once', async (_name, read) => {
    const { port } = await chain(async (req, _res, next) => {
      await read(req)
      next()
    })
    const raw = new RawClient(port).send(ask)
    await raw.until(/100 Continue\r\n\r\n/)
    raw.send('some')
    await raw.closed
    expect(raw.text.match(/100 Continue/g)).toHaveLength(1)
    expect(raw.text).toMatch(/4 some$/)
  })

  test('where the first app decides about it and passes on, the next one is asked for it', async () => {
    const host = newHost()
    const server = host.server('/', { handOver: true })
    server.on('request', () => {})
    server.on('checkContinue', req => passOn(req))
    host.mount('/', echo)
    const { port } = await started(host)
    const raw = new RawClient(port).send(ask)
    await raw.until(/100 Continue\r\n\r\n/)
    raw.send('some')
    await raw.closed
    expect(raw.text).toMatch(/4 some$/)
  })
})

describe('who has not asked for it', () => {
  test('has nothing put on its requests', async () => {
    const host = newHost()
    host.mount('/', (req, res) => void res.end(`${Object.hasOwn(req, 'push')} ${Object.hasOwn(res, 'write')}`))
    const { post, end } = client((await started(host)).port)
    expect(await post(bytes('x'))).toBe('false false')
    end()
  })

  test('nor has who has nobody behind it', async () => {
    const host = newHost()
    const own: Middleware = (req, res) => void res.end(`${Object.hasOwn(req, 'push')} ${Object.hasOwn(res, 'write')}`)
    host.mount('/', own, { handOver: true })
    const { post, end } = client((await started(host)).port)
    expect(await post(bytes('x'))).toBe('false false')
    end()
  })
})

describe('HTTP/2', () => {
  async function ask(port: number, pieces: readonly string[]): Promise<string> {
    const session = connect(`https://127.0.0.1:${port}`, { ca })
    const stream = session.request({ ':method': 'POST', ':path': '/x?y', 'content-type': 'text/plain' })
    for (const piece of pieces) {
      stream.write(piece)
      await turns()
    }
    stream.end()
    const answer = await text(stream)
    session.close()
    return answer
  }

  const lasts: Record<string, (host: Host) => void> = {
    'a plain function': host => void host.mount('/', echo),
    Fastify: host => {
      const app = fastify({ serverFactory: host.serverFactory('/') })
      app.post('/x', async request => `${String(request.body).length} ${String(request.body).slice(0, 12)}`)
    },
  }
  const firsts: Record<string, Middleware> = {
    'unread by a function that rewrites the URL': (req, _res, next) => {
      req.url = '/elsewhere'
      next()
    },
    'read to its end': async (req, _res, next) => {
      await buffer(req)
      next()
    },
    'read, in the listener of its end': (req, _res, next) => void req.resume().on('end', () => next()),
    'read in part': (req, _res, next) => {
      req
        .once('end', () => next())
        .once('data', () => {
          req.pause()
          next()
        })
    },
  }

  test.each(Object.entries(firsts))('a body that was %s', async (_name, first) => {
    for (const mount of Object.values(lasts)) {
      const host = newHost({ tls, http2: true })
      mount(host.mount('/', first, { handOver: true }))
      const { port } = await started(host)
      expect(await ask(port, ['some', ' ', 'text'])).toBe('9 some text')
      expect(await ask(port, ['x'.repeat(200_000)])).toBe('200000 xxxxxxxxxxxx')
      expect(await ask(port, [])).toBe('0 ')
    }
  })

  test('a client that leaves meanwhile: the next app never sees the request', async () => {
    const [reached, left] = [defer(), defer()]
    const last = jest.fn()
    const host = newHost({ tls, http2: true })
    const first: Middleware = (req, _res, next) => {
      requestScope(req).signal.addEventListener('abort', () => left.resolve())
      req.once('data', () => {
        next()
        reached.resolve()
      })
    }
    host.mount('/', first, { handOver: true }).mount('/', last)
    const { port } = await started(host)
    const session = connect(`https://127.0.0.1:${port}`, { ca })
    const stream = session.request({ ':method': 'POST', ':path': '/' }).on('error', () => {})
    stream.write('some')
    await reached.promise
    stream.destroy(new Error('leaves'))
    await left.promise
    await turns()
    expect(last).not.toHaveBeenCalled()
    session.close()
  })
})

test('a body that was read is let go of when the answer begins, and not at its end', async () => {
  const host = newHost()
  const begun = defer<ServerResponse>()
  const kept: unknown[] = []
  host.mount(
    '/',
    async (req: IncomingMessage, res: ServerResponse) => {
      await buffer(req)
      kept.push(openExchange(req)?.handOver)
      res.write('begun')
      begun.resolve(res)
    },
    { handOver: true },
  )
  host.mount('/', (_req: IncomingMessage, res: ServerResponse) => void res.end('next'))
  const { port } = await started(host)
  const client = new RawClient(port).send('POST / HTTP/1.1\nHost: x\nContent-Length: 4\n\nbody')
  const res = await begun.promise
  await client.until(/begun/)
  const exchange = openExchange(res.req)
  expect([exchange?.outcome, exchange?.handOver]).toEqual([null, null])
  expect(kept).toEqual([expect.any(Object)])
  res.end()
  client.socket.destroy()
})
