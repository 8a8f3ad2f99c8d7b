import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { RequestSnapshot } from '../../../src/host/dispatch/request-snapshot.js'
import { alone, exchange, get } from '../support.js'

async function withRequest(use: (req: IncomingMessage, res: ServerResponse) => void): Promise<void> {
  const server = createServer((req, res) => {
    use(req, res)
    res.end()
  })
  await alone(server, port => exchange(port, get('/x')))
}

test('what was there before, from a server in front of the host, is there again', async () => {
  expect.assertions(3)
  await withRequest((req, res) => {
    const before = { baseUrl: '/outer', originalUrl: '/outer/x', body: { a: 1 }, params: {} }
    Object.assign(req, before)
    Object.assign(res, { locals: { user: 1 }, statusCode: 201 })
    res.setHeader('X-Powered-By', 'outer')
    const marks = new RequestSnapshot(req, res)
    Object.assign(req, { baseUrl: '/inner', originalUrl: '/', body: undefined, params: { id: 1 }, _body: true })
    Object.assign(res, { locals: {}, statusCode: 404 })
    res.setHeader('X-Powered-By', 'inner')
    marks.takeOff()
    expect(req).toMatchObject(before)
    expect([Object.hasOwn(req, '_body'), res.statusCode]).toEqual([false, 201])
    expect([res.getHeader('x-powered-by'), Object(res).locals]).toEqual(['outer', { user: 1 }])
  })
})

test('symbols that middleware has set stay, unless they say nothing', async () => {
  expect.assertions(1)
  await withRequest((req, res) => {
    const [kept, empty] = [Symbol('kept'), Symbol('empty')]
    const marks = new RequestSnapshot(req, res)
    Object.assign(req, { [kept]: 1, [empty]: undefined })
    marks.takeOff()
    expect([Object.hasOwn(req, kept), Object.hasOwn(req, empty)]).toEqual([true, false])
  })
})

test.each<[string, unknown]>([
  ['an object', { 'X-A': '1', 'set-cookie': 'back=2' }],
  ['a list', ['X-A', '1', 'Set-Cookie', 'back=2']],
  ['a list with a list', ['X-A', '1', 'set-cookie', ['back=2', 'front=1']]],
])('cookies of the app in front stay where the next one gives its head as %s', async (_kind, headers) => {
  const server = createServer((req, res) => {
    res.setHeader('Set-Cookie', ['front=1'])
    new RequestSnapshot(req, res).takeOff()
    res.writeHead(200, headers as string[]).end('x')
  })
  const text = await alone(server, port => exchange(port, get('/x')))
  const cookies = [...text.matchAll(/^set-cookie: (.*)\r$/gim)].map(([, cookie]) => cookie)
  expect([cookies.sort(), /^x-a: 1\r$/im.test(text)]).toEqual([['back=2', 'front=1'], true])
})
