// A heartbeat: each side sends a beat every now and then, and gives up on a peer that has been silent for too long.
import { go, main, scope, sleep } from 'syncless'
import { type NbSocket, socketPair } from 'syncless/nbsocket'

const BEAT = 50
const PATIENCE = 1000

/** Watches the peer, and beats for `beats` times. */
function heart(name: string, sock: NbSocket, beats: number) {
  return scope(function* () {
    const beating = go(function* () {
      for (let i = 0; i < beats; i++) {
        yield* sock.send('.')
        yield* sleep(BEAT)
      }
    })
    sock.timeout = PATIENCE
    try {
      while ((yield* sock.recv()).length > 0);
      console.log(`${name}: the other one has left`)
    } catch (error) {
      console.log(`${name}: no beat for ${PATIENCE} ms (${(error as { code?: string }).code})`)
    }
    beating.kill()
    sock.close()
  })
}

await main(function* () {
  const [left, right] = yield* socketPair()
  const both = [go(() => heart('left', left, 1000)), go(() => heart('right', right, 5))]
  for (const each of both) yield* each
})
