import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import type { Op } from '../../loop/op.js'
import { action } from '../../ops/action.js'
import type { SocketError } from '../bytes/socket-error.js'
import { handshake, type StartTlsOptions } from './tls.js'

/** A socket, as the upgrade of its connection to TLS sees it. */
interface Securable {
  readonly name: string
  /** The name by which the peer was looked up. */
  readonly host: string | null
  readonly accepted: boolean
  /** Throws if the connection cannot be secured now. */
  assertSecurable(): void
  flush(): Op<void>
  /** Puts bytes that readers hold back into the stream. */
  takeBack(what: string): void
  giveUp(why: string): Duplex
  /** The handshake has begun, and `end` ends it with a refusal; null: it is over, and with it the socket. */
  handshakes(end: ((refusal: (what: string) => unknown) => void) | null): void
  destroy(): void
}

/** Returns the operation that secures the connection of `sock`. Once begun, it cannot be taken back. */
export function securing(sock: Securable, options: StartTlsOptions): Op<TLSSocket> {
  const what = `startTls on ${sock.name}`
  return action<TLSSocket>((resolve, reject) => {
    sock.assertSecurable()
    let stop = () => {}
    let shakesHands = false
    const over = () => {
      shakesHands = false
      sock.handshakes(null)
    }
    const begin = () => {
      sock.assertSecurable()
      sock.takeBack(what)
      const raw = sock.giveUp('use the socket that startTls() returned: the connection is secured now')
      shakesHands = true
      sock.handshakes(refusal => {
        over()
        stop()
        reject(refusal(what))
      })
      const secured = (socket: TLSSocket) => {
        over()
        resolve(socket)
      }
      const failed = (error: SocketError) => {
        over()
        reject(error)
      }
      const { isServer = sock.accepted } = options
      stop = handshake(raw, sock.name, sock.host, isServer, options, secured, failed)
    }
    const flushed = sock.flush().node()
    flushed.performFor({
      wake: () => {
        try {
          flushed.take()
          begin()
        } catch (error) {
          sock.destroy()
          reject(error)
        }
      },
    })
    return () => {
      flushed.withdraw()
      stop()
      if (shakesHands) over()
      sock.destroy()
    }
  }, what)
}
