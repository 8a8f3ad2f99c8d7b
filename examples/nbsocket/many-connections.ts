// As many connections at once, in one process, as its limit of file descriptors allows: the original's headline had 13 371.
import { execSync } from 'node:child_process'
import { type Co, go, main, semaphore } from 'syncless'
import { connect, listen, type NbSocket } from 'syncless/nbsocket'

const wanted = Number(process.argv[2] ?? 13_371)
const limit = process.platform === 'win32' ? 10_000 : Number(execSync('ulimit -n', { shell: '/bin/sh' })) || 65_536
// Both ends of each are in this process, which has some other files open.
const count = Math.min(wanted, Math.floor((limit - 64) / 2))

await main(function* () {
  const server = yield* listen({ port: 0, host: '127.0.0.1', backlog: 1024, queue: count })
  const serving = go(() =>
    server.serve(function* (sock) {
      for (let got = yield* sock.recv(); got.length > 0; got = yield* sock.recv()) yield* sock.send(got)
    }),
  )

  let answered = 0
  function* ask(sock: NbSocket, index: number): Co<void> {
    const question = `connection ${index}`
    yield* sock.send(question)
    if (String(yield* sock.recvExactly(question.length)) === question) answered++
  }

  const socks: NbSocket[] = []
  // More at a time would overrun the kernel's backlog.
  const connecting = semaphore(200)
  function* open(index: number): Co<void> {
    const permit = yield* connecting.acquire()
    const sock = yield* connect({ port: server.port, host: '127.0.0.1' })
    yield* ask(sock, index)
    socks.push(sock)
    permit.release()
  }
  for (const each of Array.from({ length: count }, (_, index) => go(open, index))) yield* each

  answered = 0
  for (const each of socks.map((sock, index) => go(ask, sock, index))) yield* each
  console.log(`${answered} of ${count} connections at once have been served (limit of descriptors: ${limit})`)

  for (const sock of socks) sock.close()
  yield* server.close()
  yield* serving
})
