/** A host with one app that works for a millisecond, waits for something else, and works for another. */
import { createHost } from '../../dist/host/index.js'

const admission = process.argv[2] === 'bounded' ? { inFlight: 8, queue: 8 } : undefined

function work() {
  const end = performance.now() + 1
  while (performance.now() < end) {}
}

// Clients that are behind may not find their connections closed.
const http = { keepAliveTimeout: 60_000 }
const host = createHost(admission === undefined ? { http } : { http, admission })
host.mount('/', async (_req, res) => {
  work()
  await new Promise(resolve => setTimeout(resolve, 2))
  work()
  res.end('served')
})
const { port } = await host.listen({ port: 0, host: '127.0.0.1' })
process.send(port)
