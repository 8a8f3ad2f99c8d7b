// An echo server: each connection is served by a few straight lines.
import { main } from 'syncless'
import { listen } from 'syncless/nbsocket'

await main(function* () {
  const server = yield* listen({ port: Number(process.env.PORT ?? 7007), timeout: 60_000 })
  console.log(`listening on port ${server.port}`)
  yield* server.serve(function* (sock) {
    for (let got = yield* sock.recv(); got.length > 0; got = yield* sock.recv()) yield* sock.send(got)
  })
})
