/**
 * The one upgrade router. An upgrade goes to the mount that owns its path, if something there takes upgrades; libraries
 * never see, and so cannot kill, each other's.
 */
import { type IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { SynclessError } from '../core/errors.js'
import { AnswerWatch } from './answer-watch.js'
import { Connection, endSocket } from './connection.js'
import type { DispatchHost } from './dispatcher.js'
import type { UpgradeOffer } from './exchange.js'
import { rememberWebSocket } from './goodbye.js'
import { elsewhere } from './guests.js'
import type { Mount } from './mount.js'
import { askedPath, stripMountPath, strippedUrl } from './mount-path.js'

/** Asks the apps in front of the taker of an upgrade. */
export interface UpgradeGuard {
  guardUpgrade(front: Mount, req: IncomingMessage, res: ServerResponse, offer: UpgradeOffer, visits: boolean): void
}

/** A WebSocket that nobody takes is refused; any other offer that nobody takes is as if it had not been made. */
export function wantsUpgrade(host: DispatchHost, req: IncomingMessage): boolean {
  return upgradeTaker(host, req) !== undefined || isRefused(host, req)
}

/** An incomplete handshake for an app that takes WebSockets is served as the plain request that it is. */
function isRefused(host: DispatchHost, req: IncomingMessage): boolean {
  return isWebSocket(req) && (isHandshake(req) || !host.mounts.forUpgrade(req.url ?? '/', req).some(takesWebSockets))
}

export function dispatchUpgrade(
  host: DispatchHost,
  guard: UpgradeGuard,
  req: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): void {
  // Until a library has taken the socket over, nobody else listens, and a reset would be an uncaught exception.
  socket.on('error', ignore)
  const connection = Connection.of(socket, host.connections)
  if (connection.exchanges.length > 0) {
    answerOnlyEarlier(connection)
    return
  }
  const mount = upgradeTaker(host, req)
  if (mount !== undefined) {
    const [front] = inFront(host, req, mount)
    const take = () => handOver(host, mount, connection, req, socket, head)
    if (front === undefined) take()
    else askInFront(guard, front, req, socket, { taker: mount.server, take }, false)
  } else if (isRefused(host, req)) refuse(socket, '404 Not Found')
  else {
    answerWithoutUpgrade(req, socket, head, again => {
      again.off('error', ignore)
      host.accept(again)
    })
  }
}

/**
 * An upgrade on a connection that is another server's. False if it is for that server to take or refuse. `next` takes it
 * there after the apps in front have declined it; null where the caller does not wait for them.
 */
export function dispatchVisitingUpgrade(
  host: DispatchHost,
  guard: UpgradeGuard,
  req: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  next: (() => void) | null,
): boolean {
  const mount = upgradeTaker(host, req)
  const [front] = mount === undefined ? passedOnWayOut(host, req, next) : inFront(host, req, mount)
  if (mount === undefined && front === undefined) return false
  const connection = Connection.of(socket, elsewhere)
  socket.on('error', ignore)
  if (connection.exchanges.some(exchange => exchange.req !== req)) {
    answerOnlyEarlier(connection)
    return true
  }
  const take = () => {
    if (mount === undefined) {
      socket.off('error', ignore)
      next?.()
      return
    }
    host.guests.upgraded(socket, mount.server)
    handOver(host, mount, connection, req, socket, head)
  }
  if (front === undefined) take()
  else askInFront(guard, front, req, socket, { taker: mount?.server ?? null, take }, true)
  return true
}

/** Leaves an upgrade that no mount takes to listeners of others, on `server`. False if it comes before an earlier answer. */
export function leaveUpgrade(host: DispatchHost, req: IncomingMessage, socket: Duplex, server: object): boolean {
  const connection = Connection.of(socket, host.connections)
  if (connection.exchanges.length > 0) {
    socket.on('error', ignore)
    answerOnlyEarlier(connection)
    return false
  }
  connection.upgradedBy = server
  if (isWebSocket(req)) rememberWebSocket(req, socket)
  return true
}

/** The mounts that a plain request would pass on its way to the taker of an upgrade. */
function inFront({ mounts }: DispatchHost, req: IncomingMessage, taker: Mount): Mount[] {
  const asked = mounts.forUpgrade(req.url ?? '/', req)
  return asked.slice(0, asked.indexOf(taker))
}

/** The same on its way to the server from which it has come. */
function passedOnWayOut({ mounts }: DispatchHost, req: IncomingMessage, next: (() => void) | null): Mount[] {
  if (next === null) return []
  const asked = mounts.forUpgrade(req.url ?? '/', req)
  return asked.every(({ handOverLimit }) => handOverLimit !== null) ? asked : []
}

/** They answer, and the connection ends with their answer, or they decline, and the taker has the socket. */
function askInFront(
  guard: UpgradeGuard,
  front: Mount,
  req: IncomingMessage,
  socket: Duplex,
  offer: UpgradeOffer,
  visits: boolean,
): void {
  const res = new ServerResponse(req)
  res.shouldKeepAlive = false
  res.assignSocket(socket as Socket)
  const drained = () => res.emit('drain')
  const ended = () => endSocket(socket)
  socket.on('drain', drained)
  res.on('finish', ended)
  const take = () => {
    socket.off('drain', drained)
    res.off('finish', ended).detachSocket(socket as Socket)
    offer.take()
  }
  guard.guardUpgrade(front, req, res, { taker: offer.taker, take }, visits)
}

/** The mount that takes an upgrade, if there is one. */
export function upgradeTaker(
  { mounts }: Pick<DispatchHost, 'mounts'>,
  req: IncomingMessage,
  url = req.url ?? '/',
): Mount | undefined {
  return mounts.forUpgrade(url, req).find(mount => {
    const { path, server, strip } = mount
    if (!listens(mount)) return false
    if (server.takesUpgrade !== null) return server.takesUpgrade(strip ? strippedUrl(url, path) : url, req)
    return !mount.takesWebSocketsOnly || isHandshake(req)
  })
}

function takesWebSockets(mount: Mount): boolean {
  return mount.takesWebSocketsOnly && listens(mount)
}

function listens({ server }: Mount): boolean {
  return server.listenerCount('upgrade') > 0
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
  const watch =
    mount.server.listenerCount('upgrade') > 1 ? new AnswerWatch(socket, () => answeredTwice(host, mount, req)) : null
  if (mount.strip) stripMountPath(req, mount.path)
  try {
    const emit = () => mount.server.emit('upgrade', req, socket, head)
    if (host.ids === null) emit()
    else host.ids.enter(req, emit)
  } catch (error) {
    socket.destroy()
    host.report(
      new SynclessError('HANDLER_FAILED', `the upgrade of "${askedPath(req)}", mounted at "${mount.path}", failed`, {
        cause: error,
      }),
    )
  } finally {
    watch?.emitted()
  }
}

function answeredTwice(host: DispatchHost, mount: Mount, req: IncomingMessage): void {
  host.report(
    new SynclessError(
      'UPGRADE_TAKEN',
      `two listeners on the server at "${mount.path}" answered the upgrade of "${askedPath(req)}": let each leave the paths ` +
        'of the other alone, or give each a server of its own with host.server(path)',
    ),
  )
}

function isWebSocket(req: IncomingMessage): boolean {
  return req.headers.upgrade?.toLowerCase() === 'websocket'
}

/** Whether it is the whole opening handshake of a WebSocket (RFC 6455, section 4.2.1). */
function isHandshake(req: IncomingMessage): boolean {
  const { 'sec-websocket-key': key, 'sec-websocket-version': version } = req.headers
  return req.method === 'GET' && isWebSocket(req) && key !== undefined && version !== undefined
}

export function refuse(socket: Duplex, status: string): void {
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
export const MAX_HEADERS = 500

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
