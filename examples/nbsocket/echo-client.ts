// A client of the echo server: sends its arguments, and says what comes back.
import { main } from 'syncless'
import { connect } from 'syncless/nbsocket'

const words = process.argv.slice(2)

await main(function* () {
  using sock = yield* connect({ port: Number(process.env.PORT ?? 7007), timeout: 5000 })
  for (const word of words) {
    yield* sock.send(word)
    console.log('echo:', String(yield* sock.recvExactly(Buffer.byteLength(word))))
  }
})
