import type { IncomingMessage, ServerResponse } from 'node:http'
import polka from 'polka'
import { express } from '../../host/frameworks.js'
import { closeHosts, newHost, started } from '../../host/support.js'

afterEach(closeHosts)

type Handler = (req: IncomingMessage, res: ServerResponse, third: (() => void) | undefined) => void

const ask = async (url: string) => (await fetch(url)).text()

test('Polka’s handler is called as by Node: its third parameter is the parsed URL', async () => {
  const app = polka().get('/p/:id', (req, res) => void res.end(`p${req.params.id}`))
  const host = newHost().mount('/', app.handler as never)
  const { url } = await started(host)
  expect(await ask(`${url}/p/3`)).toBe('p3')
})

test('the third parameter is told by its name, or by the option', async () => {
  const third = (res: ServerResponse, value: unknown) => void res.end(typeof value)
  const named: Handler = (_req, res, parsedUrl) => third(res, parsedUrl)
  const unnamed: Handler = (_req, res, done) => third(res, done)
  const host = newHost()
  host.mount('/named', named as never).mount('/done', unnamed as never)
  host.mount('/told', unnamed as never, { next: false }).mount('/next', named as never, { next: true })
  host.mount('/bound', unnamed.bind(null) as never)
  const { url } = await started(host)
  const answers = await Promise.all(['named', 'done', 'told', 'next', 'bound'].map(path => ask(`${url}/${path}`)))
  expect(answers).toEqual(['undefined', 'function', 'undefined', 'function', 'function'])
})

test('the option is a boolean, and for functions', () => {
  const refused = expect.objectContaining({ code: 'INVALID_ARGUMENT' })
  expect(() => newHost().mount('/', () => {}, { next: 1 as never })).toThrow(refused)
  expect(() => newHost().mount('/', { fetch: () => new Response() }, { next: false })).toThrow(refused)
})

test('a router of Express is a mount: what it answers, what it passes on, and its errors', async () => {
  const router = express.Router()
  router.get('/r/:id', (req, res) => void res.end(`r${req.params.id}`))
  router.get('/fails', () => {
    throw Object.assign(new Error('no'), { status: 418 })
  })
  const host = newHost()
  host.mount('/', router, { handOver: true })
  host.mount('/', (_req, res) => void res.end('behind'))
  const { url } = await started(host)
  expect([await ask(`${url}/r/1`), await ask(`${url}/x`)]).toEqual(['r1', 'behind'])
  expect((await fetch(`${url}/fails`)).status).toBe(418)
})
