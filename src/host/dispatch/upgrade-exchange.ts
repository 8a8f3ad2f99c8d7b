/**
 * The opening handshake of another protocol as the request that it is, with a response of its own on the socket: while the
 * apps in front of its taker are asked, and while it waits for a place at an app that routes handshakes like requests.
 */
import { type IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { isAnswerable, unavailable } from '../answer/answer.js'
import { onFirstBytes } from '../answer/first-byte.js'
import type { Mount } from '../mounts/mount.js'
import { stripMountPath } from '../mounts/mount-path.js'
import { elsewhere } from '../request/borrowed-connections.js'
import { Connection, endSocket } from '../request/connection.js'
import { Exchange, type UpgradeOffer } from '../request/exchange.js'
import { passStages } from '../stages/stage.js'
import type { DispatchHost } from './dispatch-host.js'
import { EarlyBytes } from './early-bytes.js'
import { pass, prepareHandOver } from './serve.js'

/** The opening handshake of another protocol, on a connection of which the parser has let go. */
export interface Handshake {
  readonly req: IncomingMessage
  readonly socket: Duplex
  /** The bytes that came behind it. */
  readonly head: Buffer
  /** Whether the connection is another server's. */
  readonly visits: boolean
}

/** They answer, and the connection ends with their answer, or they decline, and the taker has the socket. */
export function askInFront(host: DispatchHost, front: Mount, handshake: Handshake, offer: UpgradeOffer): void {
  const { req, socket } = handshake
  const { res, detach } = respondOn(req, socket)
  if (!front.open) {
    unavailable(res)
    return
  }
  const take = () => {
    detach()
    offer.take()
  }
  const exchange = begin(host, front, handshake, res, take)
  exchange.offer = { taker: offer.taker, take }
  prepareHandOver(host.mounts, front, 'request', exchange)
  if (front.strip) stripMountPath(req, front.path)
  pass(front, 'request', exchange)
}

/**
 * Takes a handshake through the stages of its taker, and calls `take` with all bytes that came behind it. It is in flight until
 * the app has answered: with a `101`, or like any other request.
 */
export function admit(host: DispatchHost, taker: Mount, handshake: Handshake, take: (head: Buffer) => void): void {
  const { req, socket, head } = handshake
  const { res, detach } = respondOn(req, socket)
  const exchange = begin(host, taker, handshake, res, () => {})
  let taken = false
  let early: EarlyBytes | null = null
  passStages(taker.stages ?? [], exchange, () => {
    taken = true
    detach()
    // The app has a response of its own, and its scope is none of this one's.
    Connection.of(socket, elsewhere).forget(exchange)
    settleWhenAnswered(exchange, socket)
    take(early === null ? head : Buffer.concat([head, early.stop()]))
  })
  if (!taken && isAnswerable(res)) early = new EarlyBytes(socket)
}

function respondOn(req: IncomingMessage, socket: Duplex): { res: ServerResponse; detach(): void } {
  const res = new ServerResponse(req)
  res.shouldKeepAlive = false
  res.assignSocket(socket as Socket)
  const drained = () => res.emit('drain')
  const ended = () => endSocket(socket)
  socket.on('drain', drained)
  res.on('finish', ended)
  return {
    res,
    detach() {
      socket.off('drain', drained)
      res.off('finish', ended).detachSocket(socket as Socket)
    },
  }
}

function begin(
  host: DispatchHost,
  mount: Mount,
  { req, socket, visits }: Handshake,
  res: ServerResponse,
  next: () => void,
): Exchange {
  const exchange = new Exchange(req, res, mount)
  if (visits) host.traffic.borrowed.entered(exchange, next)
  mount.server.inFlight.enter()
  Connection.of(socket, visits ? elsewhere : host.traffic.connections).begin(exchange)
  return exchange
}

/** The exchange is over with the first bytes of an answer, whoever writes them, or when the client has left. */
function settleWhenAnswered(exchange: Exchange, socket: Duplex): void {
  const gone = () => {
    exchange.settle()
    socket.destroy()
  }
  const watch = () => {
    onFirstBytes(socket, chunk => {
      const status = statusOf(chunk)
      if (status !== 101 && status >= 100 && status < 200) {
        watch()
        return
      }
      socket.off('end', gone).off('close', gone)
      if (status === 0) exchange.settle()
      else {
        exchange.res.statusCode = status
        exchange.release()
      }
    })
  }
  // Node ends the connection of a request whose client has ended it, and leaves the one of an upgrade half open.
  socket.on('end', gone).on('close', gone)
  watch()
}

/** Of the head of an answer; 0 for bytes that are none. */
function statusOf(chunk: unknown): number {
  const start = typeof chunk === 'string' || Buffer.isBuffer(chunk) ? String(chunk.slice(0, 12)) : ''
  return Number(/^HTTP\/1\.[01] (\d{3})/.exec(start)?.[1] ?? 0)
}
