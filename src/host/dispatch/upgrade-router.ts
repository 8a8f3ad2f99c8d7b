/**
 * The one upgrade router. An upgrade goes to the mount that owns its path, if something there takes upgrades; libraries
 * never see, and so cannot kill, each other's.
 */
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { SynclessError } from '../../core/base/errors.js'
import { AnswerWatch } from '../answer/answer-watch.js'
import type { Mount } from '../mounts/mount.js'
import { stripMountPath, strippedUrl } from '../mounts/mount-path.js'
import { elsewhere } from '../request/borrowed-connections.js'
import { Connection } from '../request/connection.js'
import { askedPath } from '../transport/request-target.js'
import { type Ambiguity, ambiguous } from './ambiguous-path.js'
import type { DispatchHost } from './dispatch-host.js'
import { overlooked } from './overlooked.js'
import { admit, askInFront, type Handshake } from './upgrade-exchange.js'
import { rememberWebSocket } from './websocket-close.js'
import { answerWithoutUpgrade, refuse } from './without-upgrade.js'

/** A WebSocket that nobody takes is refused; any other offer that nobody takes is as if it had not been made. */
export function wantsUpgrade(host: DispatchHost, req: IncomingMessage): boolean {
  return upgradeTaker(host, req) !== undefined || isRefused(host, req)
}

/** An incomplete handshake for an app that takes WebSockets is served as the plain request that it is. */
function isRefused(host: DispatchHost, req: IncomingMessage): boolean {
  return isWebSocket(req) && (isHandshake(req) || !host.mounts.forUpgrade(req.url ?? '/', req).some(takesWebSockets))
}

export function dispatchUpgrade(host: DispatchHost, req: IncomingMessage, socket: Duplex, head: Buffer): void {
  // Until a library has taken the socket over, nobody else listens, and a reset would be an uncaught exception.
  socket.on('error', ignore)
  const connection = Connection.of(socket, host.traffic.connections)
  if (connection.exchanges.length > 0) {
    answerOnlyEarlier(connection)
    return
  }
  const mount = upgradeTaker(host, req)
  const passedBy = overlooked(host.mounts, req.url ?? '/', mount, () => [])
  if (passedBy !== undefined) refuseAmbiguous(host, req, socket, passedBy)
  else if (mount !== undefined) {
    const [front] = inFront(host, req, mount)
    const handshake = { req, socket, head, visits: false }
    const take = () => handOver(host, mount, handshake)
    if (front === undefined) take()
    else askInFront(host, front, handshake, { taker: mount.server, take })
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
  req: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  next: (() => void) | null,
): boolean {
  const mount = upgradeTaker(host, req)
  const passedBy = overlooked(host.mounts, req.url ?? '/', mount, () => host.beyond)
  const [front] = mount === undefined ? passedOnWayOut(host, req, next) : inFront(host, req, mount)
  if (mount === undefined && front === undefined && passedBy === undefined) return false
  const connection = Connection.of(socket, elsewhere)
  socket.on('error', ignore)
  if (connection.exchanges.some(exchange => exchange.req !== req)) {
    answerOnlyEarlier(connection)
    return true
  }
  if (passedBy !== undefined) {
    refuseAmbiguous(host, req, socket, passedBy)
    return true
  }
  const handshake = { req, socket, head, visits: true }
  const take = () => {
    if (mount === undefined) {
      socket.off('error', ignore)
      next?.()
      return
    }
    handOver(host, mount, handshake)
  }
  if (front === undefined) take()
  else askInFront(host, front, handshake, { taker: mount?.server ?? null, take })
  return true
}

/** Another mount should have been asked before. */
function refuseAmbiguous(host: DispatchHost, req: IncomingMessage, socket: Duplex, passedBy: Ambiguity): void {
  refuse(socket, '400 Bad Request')
  host.report(ambiguous(req, passedBy))
}

/** Leaves an upgrade that no mount takes to listeners of others, on `server`. False if it comes before an earlier answer. */
export function leaveUpgrade(host: DispatchHost, req: IncomingMessage, socket: Duplex, server: object): boolean {
  const connection = Connection.of(socket, host.traffic.connections)
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

/** The mount that takes an upgrade, if there is one. */
export function upgradeTaker(
  { mounts }: Pick<DispatchHost, 'mounts'>,
  req: IncomingMessage,
  url = req.url ?? '/',
): Mount | undefined {
  return mounts.forUpgrade(url, req).find(mount => innermostTaker(mount, req, url) !== undefined)
}

/** The mount itself, or the one of the host on it. */
function innermostTaker(mount: Mount, req: IncomingMessage, url: string): Mount | undefined {
  const { path, server, strip } = mount
  if (!listens(mount)) return undefined
  if (server.nested !== null) {
    const inner = strip ? strippedUrl(url, path) : url
    const taker = upgradeTaker(server.nested as DispatchHost, req, inner)
    return taker && innermostTaker(taker, req, inner)
  }
  return !mount.takesWebSocketsOnly || isHandshake(req) ? mount : undefined
}

function takesWebSockets(mount: Mount): boolean {
  return mount.takesWebSocketsOnly && listens(mount)
}

function listens({ server }: Mount): boolean {
  return server.listenerCount('upgrade') > 0
}

function handOver(host: DispatchHost, mount: Mount, handshake: Handshake): void {
  const { req, socket, head } = handshake
  if (!mount.open) {
    refuse(socket, '503 Service Unavailable')
    return
  }
  const url = req.url ?? '/'
  const routes = innermostTaker(mount, req, url)?.takesWebSocketsOnly === true
  if (mount.strip) stripMountPath(req, mount.path)
  if (routes) admit(host, mount, handshake, allBytes => emit(host, mount, handshake, allBytes))
  else emit(host, mount, handshake, head)
}

function emit(host: DispatchHost, mount: Mount, { req, socket, visits }: Handshake, head: Buffer): void {
  // Of nested hosts the outer one has it.
  Connection.of(socket, elsewhere).upgradedBy ??= mount.server
  if (visits) host.traffic.borrowed.upgraded(socket, mount.server)
  if (isWebSocket(req)) rememberWebSocket(req, socket)
  const watch =
    mount.server.listenerCount('upgrade') > 1 ? new AnswerWatch(socket, () => answeredTwice(host, mount, req)) : null
  try {
    const { server } = mount
    const tell = () => {
      if (server.announced?.upgraded(socket) === false) refuse(socket, '503 Service Unavailable')
      else server.emit('upgrade', req, socket, head)
    }
    if (host.ids === null) tell()
    else host.ids.enter(req, tell)
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
      'let each listener answer only upgrades of its own paths, or give each its own server with host.server(path): two ' +
        `listeners on the server at "${mount.path}" answered the upgrade of "${askedPath(req)}"`,
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

/**
 * Whatever is written for an upgrade now would come before the answers to the requests ahead of it. So they are
 * finished, and the connection with them; a client may offer again on another.
 */
function answerOnlyEarlier(connection: Connection): void {
  // Node has let go of the connection, and tells a response no more that it may go on writing.
  connection.socket.on('drain', () => connection.exchanges[0]?.res.emit('drain'))
  connection.endWhenAnswered()
}

function ignore(): void {}
