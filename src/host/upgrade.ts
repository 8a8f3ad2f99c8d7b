/**
 * The one upgrade router. An upgrade goes to the mount that owns its path, if something there takes upgrades; libraries
 * never see, and so cannot kill, each other's.
 */
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { SynclessError } from '../core/errors.js'
import { Connection, endSocket } from './connection.js'
import type { DispatchHost } from './dispatcher.js'
import { rememberWebSocket } from './goodbye.js'
import { elsewhere } from './guests.js'
import type { Mount } from './mount.js'
import { originalUrl, stripMountPath, strippedUrl } from './mount-path.js'

/** A WebSocket that nobody takes is refused; any other offer that nobody takes is as if it had not been made. */
export function wantsUpgrade(host: DispatchHost, req: IncomingMessage): boolean {
  return isWebSocket(req) || upgradeTaker(host, req) !== undefined
}

export function dispatchUpgrade(host: DispatchHost, req: IncomingMessage, socket: Duplex, head: Buffer): void {
  // Until a library has taken the socket over, nobody else listens, and a reset would be an uncaught exception.
  socket.on('error', ignore)
  const connection = Connection.of(socket, host.connections)
  if (connection.exchanges.length > 0) {
    answerOnlyEarlier(connection)
    return
  }
  const mount = upgradeTaker(host, req)
  if (mount !== undefined) handOver(host, mount, connection, req, socket, head)
  else if (isWebSocket(req)) refuse(socket, '404 Not Found')
  else {
    answerWithoutUpgrade(req, socket, head, again => {
      again.off('error', ignore)
      host.accept(again)
    })
  }
}

/** An upgrade on a connection that is another server's. False if it is for that server to take or refuse. */
export function dispatchVisitingUpgrade(
  host: DispatchHost,
  req: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): boolean {
  const mount = upgradeTaker(host, req)
  if (mount === undefined) return false
  socket.on('error', ignore)
  const connection = Connection.of(socket, elsewhere)
  if (connection.exchanges.length > 0) answerOnlyEarlier(connection)
  else {
    host.guests.upgraded(socket, mount.server)
    handOver(host, mount, connection, req, socket, head)
  }
  return true
}

/** The mount that takes an upgrade, if there is one. */
export function upgradeTaker(
  { mounts }: Pick<DispatchHost, 'mounts'>,
  req: IncomingMessage,
  url = req.url ?? '/',
): Mount | undefined {
  return mounts.forUpgrade(url, req).find(({ path, server, strip }) => {
    if (server.listenerCount('upgrade') === 0) return false
    return server.takesUpgrade === null || server.takesUpgrade(strip ? strippedUrl(url, path) : url, req)
  })
}

function handOver(
  host: DispatchHost,
  mount: Mount,
  connection: Connection,
  req: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): void {
  if (!mount.open) {
    refuse(socket, '503 Service Unavailable')
    return
  }
  // Of nested hosts the outer one has it.
  connection.upgradedBy ??= mount.server
  if (isWebSocket(req)) rememberWebSocket(req, socket)
  if (mount.strip) stripMountPath(req, mount.path)
  try {
    const emit = () => mount.server.emit('upgrade', req, socket, head)
    if (host.ids === null) emit()
    else host.ids.enter(req, emit)
  } catch (error) {
    socket.destroy()
    host.report(
      new SynclessError('HANDLER_FAILED', `the upgrade of "${originalUrl(req)}", mounted at "${mount.path}", failed`, {
        cause: error,
      }),
    )
  }
}

function isWebSocket(req: IncomingMessage): boolean {
  return req.headers.upgrade?.toLowerCase() === 'websocket'
}

function refuse(socket: Duplex, status: string): void {
  endSocket(socket, `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}

/**
 * Whatever is written for an upgrade now would come before the answers to the requests ahead of it. So they are
 * finished, and the connection with them; a client may offer again on another.
 */
function answerOnlyEarlier(connection: Connection): void {
  // Node has let go of the connection, and tells a response no more that it may go on writing.
  connection.socket.on('drain', () => connection.exchanges[0]?.res.emit('drain'))
  connection.endWhenAnswered()
}

/**
 * More headers than this are refused rather than written again: Node keeps the first thousand or so of a request, and
 * one that lost its Content-Length would have its body taken for the next request.
 */
const MAX_HEADERS = 500

/**
 * A server may ignore an `Upgrade` it does not want, and answer as if it were not there. Clients count on that: Java's
 * offers HTTP/2 in this way with each first request. Node's parser has let go of the connection by now, so the request
 * goes in again, without the offer, in front of what follows it. Where Node can, it asks `wantsUpgrade` before that.
 */
export function answerWithoutUpgrade(
  req: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  accept: (socket: Duplex) => void,
): void {
  if (req.rawHeaders.length > 2 * MAX_HEADERS) {
    refuse(socket, '431 Request Header Fields Too Large')
    return
  }
  const lines = [`${req.method} ${req.url} HTTP/${req.httpVersion}`]
  for (let i = 0; i < req.rawHeaders.length; i += 2) {
    const name = req.rawHeaders[i] ?? ''
    const value = req.rawHeaders[i + 1] ?? ''
    const key = name.toLowerCase()
    if (key === 'upgrade' || key === 'http2-settings') continue
    const kept = key === 'connection' ? withoutOffer(value) : value
    if (kept !== '' || value === '') lines.push(`${name}: ${kept}`)
  }
  socket.unshift(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), head]))
  accept(socket)
}

function withoutOffer(connection: string): string {
  const kept = connection.split(',').filter(token => !/^\s*(upgrade|http2-settings)\s*$/i.test(token))
  return kept.join(',').trim()
}

function ignore(): void {}
