import type { Socket } from 'node:net'
import { SynclessError } from '../../base/errors.js'
import { timerDelay } from '../../ops/sleep.js'
import { ByteInput } from '../bytes/byte-input.js'

/** The first byte of a TLS client: the type of a handshake record. */
const TLS_HANDSHAKE = 22

/** The default of Node's secure servers, in ms. */
const HANDSHAKE_TIMEOUT = 120_000

/**
 * Waits for the first byte of a client, which stays in the stream, and says whether the client speaks TLS; null if it
 * sends nothing in time, or is broken: then the connection is destroyed. Returns a function that gives up without calling `done`.
 */
export function tlsOrPlain(
  raw: Socket,
  name: string,
  patience: number = HANDSHAKE_TIMEOUT,
  done: (speaks: 'tls' | 'plain' | null) => void,
): () => void {
  const input = new ByteInput(raw, name, (error, what) => error ?? new Error(what))
  const first = input.peek(1).node()
  const giveUp = () => {
    first.withdraw()
    raw.setTimeout(0)
    raw.destroy()
  }
  const late = () => {
    giveUp()
    done(null)
  }
  raw.setTimeout(timerDelay(patience), late)
  first.performFor({
    wake: () => {
      raw.setTimeout(0)
      raw.off('timeout', late)
      input.release(what => new SynclessError('SOCKET_CLOSED', what))
      let speaks: 'tls' | 'plain' | null = null
      try {
        speaks = first.take()[0] === TLS_HANDSHAKE ? 'tls' : 'plain'
      } catch {
        raw.destroy()
      }
      done(speaks)
    },
  })
  return giveUp
}
