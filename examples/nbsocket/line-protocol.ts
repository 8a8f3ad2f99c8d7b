// A server of a line protocol, as memcached's: commands are lines, values are so many bytes.
import { type Co, main } from 'syncless'
import { listen, type NbSocket, nbfile } from 'syncless/nbsocket'

const store = new Map<string, Buffer>()

function* serve(sock: NbSocket): Co<void> {
  const file = nbfile(sock)
  for (;;) {
    const line = String(yield* file.readLine({ limit: 512 })).trim()
    const [command, key = '', length = ''] = line.split(' ')
    if (command === '' || command === 'quit') return
    if (command === 'get') {
      const value = store.get(key)
      yield* file.write(value === undefined ? 'NONE\r\n' : `VALUE ${value.length}\r\n`)
      if (value !== undefined) yield* file.write(value)
    } else if (command === 'set' && /^\d{1,7}$/.test(length)) {
      store.set(key, yield* file.readExactly(Number(length)))
      yield* file.write('STORED\r\n')
    } else yield* file.write('ERROR\r\n')
    yield* file.flush()
  }
}

await main(function* () {
  const server = yield* listen({ port: Number(process.env.PORT ?? 7009), timeout: 60_000 })
  console.log(`listening on port ${server.port}`)
  yield* server.serve(serve)
})
