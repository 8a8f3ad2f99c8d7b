/** What becomes of a body that is left in the middle, on a bare server. */
import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import net, { type AddressInfo } from 'node:net'
import { toChannel } from '../../../../src/adapters/express/index.js'
import { once } from '../../support.js'

test('up to 16 MiB of a body that nobody wants are thrown away after the answer, then the connection is broken off', async () => {
  let read = 0
  const server = http.createServer((req: IncomingMessage & { res?: ServerResponse }, res) => {
    req.res = res
    const body = toChannel(req)
    body.receive().then(() => {
      body.cancel()
      res.end('enough')
      req.on('data', chunk => {
        read += chunk.length
      })
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const socket = net.connect((server.address() as AddressInfo).port, '127.0.0.1')
  let answer = ''
  socket.on('data', chunk => {
    answer += chunk
  })
  socket.on('error', () => {})
  socket.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n')
  const chunk = Buffer.alloc(1 << 20)
  const closed = once(socket, 'close')
  let over = false
  closed.then(() => {
    over = true
  })
  while (!over) if (!socket.write(chunk)) await Promise.race([once(socket, 'drain'), closed])
  expect(answer).toMatch(/^HTTP\/1.1 200 OK[\s\S]*enough$/)
  expect(read).toBeGreaterThan(16 << 20)
  expect(read).toBeLessThan(18 << 20)
  server.close()
})

test('one that is left half-read, outside of any scope, is thrown away with its request: the next one is served', async () => {
  const codes: unknown[] = []
  const server = http.createServer((req: IncomingMessage & { res?: ServerResponse }, res) => {
    if (req.method === 'GET') {
      res.end('next')
      return
    }
    req.res = res
    const body = toChannel(req)
    body.receive().then(() => {
      body.next().then(undefined, error => codes.push((error as { code: string }).code))
      res.end('early ')
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const socket = net.connect((server.address() as AddressInfo).port, '127.0.0.1')
  let answer = ''
  const answered = new Promise<void>(resolve => {
    socket.on('data', chunk => {
      answer += chunk
      if (answer.endsWith('next')) resolve()
    })
  })
  const length = 1 << 20
  socket.write(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n`)
  socket.write(Buffer.alloc(length))
  socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  await answered
  expect(codes).toEqual(['SCOPE_CLOSED'])
  socket.destroy()
  server.close()
})
