// A secure echo server and its client. Run in a folder with ca.pem, cert.pem and key.pem of a server named localhost.
import { readFileSync } from 'node:fs'
import { go, main } from 'syncless'
import { connect, listen } from 'syncless/nbsocket'

const file = (name: string) => readFileSync(`${process.argv[2] ?? '.'}/${name}`)

await main(function* () {
  const server = yield* listen({ port: 0, host: '127.0.0.1', tls: { key: file('key.pem'), cert: file('cert.pem') } })
  const serving = go(() =>
    server.serve(function* (sock) {
      for (let got = yield* sock.recv(); got.length > 0; got = yield* sock.recv()) yield* sock.send(got)
    }),
  )

  const sock = yield* connect({ port: server.port, host: 'localhost', family: 4, tls: { ca: file('ca.pem') } })
  console.log('secured by', sock.tls?.protocol, 'with', sock.tls?.peerCertificate?.subject.CN)
  yield* sock.send('nobody else can read this')
  console.log('echo:', String(yield* sock.recv()))
  yield* sock.close()

  try {
    yield* connect({ port: server.port, host: 'localhost', family: 4, tls: true })
  } catch (error) {
    console.log('without the authority:', (error as { code?: string }).code)
  }
  yield* server.close()
  yield* serving
})
