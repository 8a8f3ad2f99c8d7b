// An HTTP CONNECT proxy: tunnels bytes, such as those of TLS, between a client and the host it asks for.
import { all, type Co, main } from 'syncless'
import { type ByteSource, connect, listen, type NbSocket, nbfile } from 'syncless/nbsocket'

function* pump(from: ByteSource, to: NbSocket): Co<void> {
  for (let got = yield* from.recv(); got.length > 0; got = yield* from.recv()) yield* to.send(got)
  yield* to.shutdown()
}

function* serve(client: NbSocket): Co<void> {
  const file = nbfile(client)
  const head = String(yield* file.readUntil('\r\n\r\n', { limit: 16_384 }))
  const [, host, port] = /^CONNECT ([^ :]+):(\d+) HTTP\/1\.[01]\r\n/.exec(head) ?? []
  if (host === undefined) {
    yield* client.send('HTTP/1.1 405 Method Not Allowed\r\nConnection: close\r\n\r\n')
    return
  }
  let target: NbSocket
  try {
    target = yield* connect({ host, port: Number(port), timeout: 10_000 })
  } catch (error) {
    const { code, message } = error as { code?: string; message: string }
    yield* client.send(
      `HTTP/1.1 ${code === 'TIMEOUT' ? 504 : 502} Bad Gateway\r\nConnection: close\r\n\r\n${message}\n`,
    )
    return
  }
  console.log(`tunnel to ${host}:${port}`)
  yield* client.send('HTTP/1.1 200 Connection established\r\n\r\n')
  target.timeout = Number.POSITIVE_INFINITY
  // What the client sent behind its request is still in the file. Both directions end before the tunnel does.
  yield* all([() => pump(file, target), () => pump(target, client)])
}

await main(function* () {
  const server = yield* listen({ port: Number(process.env.PORT ?? 8080), host: '127.0.0.1' })
  console.log(`listening on port ${server.port}`)
  yield* server.serve(serve, { onError: error => console.log('tunnel broken:', (error as { code?: string }).code) })
})
