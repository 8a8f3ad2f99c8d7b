import type { Duplex } from 'node:stream'
import { closeHosts, defer, newHost, RawClient, started, turns } from '../support.js'

afterEach(closeHosts)

const offer =
  'GET /p HTTP/1.1\nHost: x\nConnection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Key: x\nSec-WebSocket-Version: 13\n\n'
const head = 'HTTP/1.1 101 Switching Protocols\r\n\r\n'
const goingAway = '\x88\x02\x03\xe9'

async function proxied() {
  const host = newHost()
  const taken = defer<Duplex>()
  host.server('/p').on('upgrade', (_req, socket) => taken.resolve(socket))
  const { port } = await started(host)
  const client = new RawClient(port).send(offer)
  return { host, client, socket: await taken.promise }
}

test('a close frame comes after the frame of which a proxy has written a part', async () => {
  const { host, client, socket } = await proxied()
  socket.write(`${head}\x82\x04ab`, 'latin1')
  await client.until(/ab$/)
  const closed = host.close({ deadline: 600_000 })
  await turns()
  expect(client.text).toBe(`${head}\x82\x04ab`)
  socket.write('cd')
  await client.until(/\xe9$/)
  expect(client.text).toBe(`${head}\x82\x04abcd${goingAway}`)
  socket.end()
  expect((await closed).clean).toBe(true)
})

test('a frame that is never finished just ends, and so does another protocol', async () => {
  for (const text of [`${head}\x82\x04ab`, `${head}anything`]) {
    const { host, client, socket } = await proxied()
    socket.write(text, 'latin1')
    await client.until(new RegExp(`${text.slice(-2)}$`))
    await host.close({ deadline: 0 })
    await client.closed
    expect(client.text).toBe(text)
  }
})
