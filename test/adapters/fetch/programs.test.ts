/** What runs in a process of its own, on the built package: h3, which is published for `import` alone, and what counts garbage. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

/** Runs each request twice, on h3's own server and in a host, and prints what came. */
const program = `
import { once } from 'node:events'
import { connect } from 'node:net'
import express from 'express'
import { createEventStream, fromNodeHandler, getRequestIP, H3, HTTPError, readBody, serve, setCookie } from 'h3'
import { createHost } from 'syncless/host'

const make = () => new H3({ silent: true })
  .get('/text', () => 'text')
  .get('/json', () => ({ a: 1 }))
  .get('/null', () => null)
  .get('/user/:id', event => [event.context.params.id, event.url.pathname, [...event.url.searchParams]])
  .post('/body', async event => readBody(event))
  .get('/status', event => { event.res.status = 202; event.res.headers.set('x-a', 'b'); return 'accepted' })
  .get('/cookies', event => { setCookie(event, 'a', '1'); setCookie(event, 'b', '2'); return '' })
  .get('/error', () => { throw new HTTPError({ status: 418, message: 'teapot' }) })
  .get('/crash', () => { throw new Error('secret') })
  .get('/ip', event => getRequestIP(event))
  .get('/events', event => {
    const events = createEventStream(event)
    setImmediate(() => events.push('one').then(() => events.close()))
    return events.send()
  })
  .get('/node', event => { event.runtime.node.res.setHeader('x-native', event.runtime.node.req.url); return 'node' })
  .all('/express/**', fromNodeHandler(express().disable('x-powered-by').get('/express/x', (req, res) => { res.send('Express in h3') })))

const request = (line, more = '', body = '') => line + ' HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n' + more + '\\r\\n' + body
const json = 'Content-Type: application/json\\r\\nContent-Length: 7\\r\\n'
const requests = [
  ...['/text', '/json', '/null', '/user/a%20b?c=d&c=e', '/status', '/cookies', '/error', '/crash', '/ip', '/events',
    '/node', '/express/x', '/missing'].map(path => request('GET ' + path)),
  request('HEAD /text'), request('OPTIONS /text'), request('POST /body', json, '{"a":1}'), request('POST /body', json, '{bad}}}'),
]
async function ask(port) {
  const answers = []
  for (const text of requests) {
    const socket = connect(port, '127.0.0.1').setEncoding('latin1')
    let answer = ''
    socket.on('data', chunk => { answer += chunk })
    socket.write(text)
    await once(socket, 'close')
    // Lengths, reason phrases and the case of names are the server's; what it says is not. h3's own leaves out the type of text.
    const [head, ...rest] = answer.split('\\r\\n\\r\\n')
    const [status, ...lines] = head.split('\\r\\n')
    const kept = lines.map(line => line.replace(/^[^:]*/, name => name.toLowerCase()))
      .filter(line => !/^(date|content-length|transfer-encoding|content-type: text\\/plain; ?charset=utf-8)/i.test(line))
    const body = rest.join('').replace(/^[\\da-f]+\\r\\n|\\r\\n[\\da-f]+(\\r\\n|$)|\\r\\n$/gm, '')
    answers.push([text.split('\\r\\n')[0], status.slice(9, 12), ...kept.sort(), body])
  }
  return answers
}

const own = serve(make(), { port: 0, hostname: '127.0.0.1', silent: true, gracefulShutdown: false })
await own.ready()
const alone = await ask(new URL(own.url).port)
await own.close(true)
const host = createHost()
host.mount('/', make())
const { port } = await host.listen({ port: 0, host: '127.0.0.1' })
const hosted = await ask(port)
await host.close()
console.log(JSON.stringify({ alone, hosted }))
`

/** The requests of one connection that stays open, and what is left of them. */
const many = `
import { request, Agent } from 'node:http'
import { createHost } from 'syncless/host'
const seen = []
const host = createHost()
host.mount('/', { fetch: async (request, { incoming }) => { seen.push(new WeakRef(incoming)); return new Response(await request.text()) } })
const { port } = await host.listen({ port: 0, host: '127.0.0.1' })
const agent = new Agent({ keepAlive: true, maxSockets: 1 })
for (let i = 0; i < 500; i++) {
  await new Promise(resolve => {
    request({ port, host: '127.0.0.1', agent, method: 'POST' }, res => res.resume().on('end', resolve)).end('body')
  })
}
for (let i = 0; i < 5; i++) { await new Promise(resolve => setImmediate(resolve)); gc() }
console.log(seen.length, seen.filter(ref => ref.deref() !== undefined).length < 50)
agent.destroy()
await host.close()
`

test('a connection that stays open keeps none of the requests it has had', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', '--input-type=module', '-e', many])
  expect(stdout).toBe('500 true\n')
})

test('a hosted h3 app says what it says on its own server', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program])
  const { alone, hosted } = JSON.parse(stdout)
  expect(hosted).toEqual(alone)
  expect(alone).toHaveLength(17)
  expect(JSON.stringify(alone)).toContain('Express in h3')
})
