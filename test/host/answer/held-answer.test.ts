/** An answer that is kept back is refused at once where Node would refuse it, and never in a promise that nobody awaits. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import Koa from 'koa'
import { alone, closeHosts, exchange, get, newHost, started } from '../support.js'

afterEach(closeHosts)

type App = (req: IncomingMessage, res: ServerResponse) => void

/** An app behind one that awaits what is behind it. */
async function held(
  app: App,
  after: (ctx: Koa.Context) => void = () => {},
): Promise<{ text: string; errors: unknown[] }> {
  const errors: unknown[] = []
  const host = newHost({ onError: error => errors.push(error) })
  const front = new Koa().use(async (ctx, next) => {
    await next()
    after(ctx)
  })
  host.mount('/', front, { handOver: true })
  host.mount('/', app)
  return { text: await exchange((await started(host)).port, get('/')), errors }
}

/** Tries a call, and tells the client what it threw. */
function trying(call: (res: ServerResponse) => unknown): App {
  return (_req, res) => {
    try {
      call(res)
    } catch (error) {
      res.statusCode = 500
      res.end(`threw ${(error as { code?: string }).code}`)
    }
  }
}

const calls: Record<string, (res: ServerResponse) => unknown> = {
  'write() of a number': res => res.write(123 as never),
  'write() of nothing': res => res.write(null),
  'end() of an object': res => res.end({}),
  'a status code of writeHead() that is none': res => res.writeHead(99).end(),
  'a status code that is none': res => {
    res.statusCode = 1000
    res.end('x')
  },
  'a header that would be two': res => res.writeHead(200, { 'x-y': 'a\r\nb: c' }).end(),
}

test.each(Object.keys(calls))(
  '%s: the app gets the error of Node, and the client what the app makes of it',
  async name => {
    const app = trying(calls[name] as (res: ServerResponse) => unknown)
    const bare = await alone(app, port => exchange(port, get('/')))
    expect(bare).toMatch(/threw ERR_/)
    // Some set a part of the head before they throw.
    const told = (text: string) => text.slice(text.indexOf('threw'))
    const { text, errors } = await held(app)
    expect([told(text), errors]).toEqual([told(bare), []])
  },
)

test('an encoding that Node does not know is refused before anything goes out', async () => {
  const { text, errors } = await held(trying(res => res.write('x', 'nope' as BufferEncoding)))
  expect([text.includes('threw ERR_UNKNOWN_ENCODING'), errors]).toEqual([true, []])
})

test('an answer that Node refuses as the front app has changed it fails the request', async () => {
  const { text, errors } = await held(
    (_req, res) => void res.end('text'),
    ctx => {
      ctx.res.statusCode = 1000
    },
  )
  expect(text).toMatch(/^HTTP\/1.1 500 Internal/)
  expect(errors).toMatchObject([{ cause: { code: 'ERR_HTTP_INVALID_STATUS_CODE' } }])
})

test('a body of another length than it promised breaks the answer off', async () => {
  const { text, errors } = await held((_req, res) => {
    res.strictContentLength = true
    res.setHeader('content-length', 1)
    res.end('two')
  })
  expect(text).not.toMatch(/two/)
  expect(errors).toMatchObject([{ cause: { code: 'ERR_HTTP_CONTENT_LENGTH_MISMATCH' } }])
})

test('callbacks of writes hear that the client has left, each of its own', async () => {
  const told: unknown[] = []
  const host = newHost()
  let leave = () => {}
  const front = new Koa().use(async (ctx, next) => {
    await next()
    ctx.req.socket.destroy()
    await new Promise(resolve => ctx.res.once('close', resolve))
  })
  host.mount('/', front, { handOver: true })
  const over = new Promise<void>(resolve => {
    leave = resolve
  })
  host.mount('/', (_req, res) => {
    res.write('a', error => told.push(error))
    res.end('b', () => leave())
  })
  await exchange((await started(host)).port, get('/'))
  await over
  expect(told).toEqual([expect.objectContaining({ message: expect.stringContaining('client left') })])
})
