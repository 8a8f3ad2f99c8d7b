// A chat server: what one says, all hear. A client that reads too slowly misses lines, and holds back nobody.
import { broadcast, type Co, go, main } from 'syncless'
import { listen, type NbSocket, nbfile } from 'syncless/nbsocket'

const said = broadcast<string>()

function* serve(sock: NbSocket): Co<void> {
  const file = nbfile(sock).text()
  yield* file.write('your name? ')
  yield* file.flush()
  const name = (yield* file.readLine({ limit: 100 })).trim()
  if (name === '') return
  const heard = said.subscribe({ capacity: 100, overflow: 'drop-oldest' })
  go(function* hear() {
    yield* heard.each(line => sock.send(`${line}\n`))
  })
  yield* said.publish(`* ${name} has come`)
  try {
    yield* file.each(function* (line) {
      yield* said.publish(`${name}: ${line.trim()}`)
    })
  } finally {
    heard.cancel()
    yield* said.publish(`* ${name} has left`)
  }
}

await main(function* () {
  const server = yield* listen({ port: Number(process.env.PORT ?? 7008) })
  console.log(`listening on port ${server.port}`)
  yield* server.serve(serve)
})
