// STARTTLS: a connection that begins in the clear, and is secured on the way. Run as tls-echo.ts.
import { readFileSync } from 'node:fs'
import { type Co, go, main } from 'syncless'
import { connect, listen, type NbSocket } from 'syncless/nbsocket'

const file = (name: string) => readFileSync(`${process.argv[2] ?? '.'}/${name}`)
const certificate = { key: file('key.pem'), cert: file('cert.pem') }

function* serve(plain: NbSocket): Co<void> {
  yield* plain.send('220 say STARTTLS\r\n')
  if (String(yield* plain.recv()) !== 'STARTTLS\r\n') return
  yield* plain.send('220 go ahead\r\n')
  using sock = yield* plain.startTls({ isServer: true, ...certificate })
  yield* sock.send(`you are ${yield* sock.recv()}, over ${sock.tls?.protocol}`)
}

await main(function* () {
  const server = yield* listen({ port: 0, host: '127.0.0.1' })
  const serving = go(() => server.serve(serve))

  const plain = yield* connect({ port: server.port, host: 'localhost', family: 4, timeout: 5000 })
  console.log(String(yield* plain.recvExactly(18)).trim())
  yield* plain.send('STARTTLS\r\n')
  console.log(String(yield* plain.recvExactly(14)).trim())
  // Had somebody on the way put bytes behind that line, this would throw STARTTLS_PLAINTEXT.
  const sock = yield* plain.startTls({ ca: file('ca.pem') })
  yield* sock.send('alice')
  console.log(String(yield* sock.recv()))
  yield* sock.close()
  yield* server.close()
  yield* serving
})
