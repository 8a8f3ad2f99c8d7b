/**
 * Apps that were told to listen before their host. If a program awaits the app's `listen()` before `host.listen()`, it waits
 * for ever, and Node would end without a word.
 */
import type { EventEmitter } from 'node:events'
import { SynclessError } from '../../core/base/errors.js'
import { report } from '../../core/base/report.js'

/** The server of an app that waits for its host. */
export interface Awaiting extends EventEmitter {
  readonly path: string
  /** Whether the host is about to listen, or is a part of a server that may. */
  readonly hostStarts: boolean
  /** Whether it is of no use unless its host listens. */
  readonly needsListener: boolean
}

const waiting = new Set<Awaiting>()

/** Reports an app that still waits after 5 s, or at the end of the process. `anyPort`: whether it listens at port 0. */
export function awaitHost(server: Awaiting, anyPort: boolean): void {
  if (anyPort) failSoon(server)
  process.off('beforeExit', reportWaiting).once('beforeExit', reportWaiting)
  waiting.add(server)
  // A process that has something else to do never comes to its end. The timer keeps nothing alive.
  setTimeout(() => {
    if (waiting.delete(server)) reportWaitingOne(server, 'the app has waited for 5 s')
  }, PATIENCE).unref()
}

/**
 * Fails a `listen(0)` whose host does not begin to listen within a second. Tests ask for any free port in this way, supertest
 * among them, and would wait for ever. Nothing is done where nobody listens to errors.
 */
function failSoon(server: Awaiting): void {
  setTimeout(() => {
    if (server.hostStarts || server.listenerCount('error') === 0 || !waiting.delete(server)) return
    server.emit('error', waitsInVain(server.path, 'call host.listen({ port: 0 }) before the test sends requests'))
  }, PATIENCE_OF_TESTS).unref()
}

/** The host listens, or the app has been closed. */
export function awaitsNoMore(server: Awaiting): void {
  waiting.delete(server)
}

/** For how many milliseconds an app may wait for its host before that is said. */
const PATIENCE = 5000
const PATIENCE_OF_TESTS = 1000

function reportWaiting(): void {
  for (const server of waiting) reportWaitingOne(server, 'the process ends')
  waiting.clear()
}

function reportWaitingOne({ path, needsListener }: Awaiting, when: string): void {
  if (!needsListener) return
  report(waitsInVain(path, 'call host.listen(), and do not await the app before that call'), when)
}

function waitsInVain(path: string, advice: string): SynclessError {
  return new SynclessError('HOST_STATE', `the app at "${path}" waits in listen() for its host: ${advice}`)
}
