/**
 * Apps that were told to listen before their host. If a program awaits the app's `listen()` before `host.listen()`, it waits
 * for ever, and Node would end without a word.
 */
import { SynclessError } from '../core/errors.js'
import { report } from '../core/report.js'

/** The server of an app that waits for its host. */
export interface Awaiting {
  readonly path: string
  /** Whether it is of no use unless its host listens. */
  readonly needsListener: boolean
}

const waiting = new Set<Awaiting>()

/** Reports an app that still waits after 5 s, or at the end of the process. */
export function awaitHost(server: Awaiting): void {
  process.off('beforeExit', reportWaiting).once('beforeExit', reportWaiting)
  waiting.add(server)
  // A process that has something else to do never comes to its end. The timer keeps nothing alive.
  setTimeout(() => {
    if (waiting.delete(server)) reportWaitingOne(server, 'the app has waited for 5 s')
  }, PATIENCE).unref()
}

/** The host listens, or the app has been closed. */
export function awaitsNoMore(server: Awaiting): void {
  waiting.delete(server)
}

/** For how many milliseconds an app may wait for its host before that is said. */
const PATIENCE = 5000

function reportWaiting(): void {
  for (const server of waiting) reportWaitingOne(server, 'the process ends')
  waiting.clear()
}

function reportWaitingOne({ path, needsListener }: Awaiting, when: string): void {
  if (!needsListener) return
  const advice = 'call host.listen(), and do not await the app before'
  report(new SynclessError('HOST_STATE', `the app at "${path}" waits in listen() for its host: ${advice}`), when)
}
