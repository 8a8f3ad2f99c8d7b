/**
 * The one upgrade router. An upgrade goes to the mount that owns its path, if something there takes upgrades; libraries
 * never see, and so cannot kill, each other's.
 */
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { SynclessError } from '../core/errors.js'
import { Connection } from './connection.js'
import type { DispatchHost } from './dispatcher.js'
import type { Mount } from './mount.js'
import { stripMountPath } from './mount-path.js'

/** A WebSocket that nobody takes is refused; any other offer that nobody takes is as if it had not been made. */
export function wantsUpgrade(host: DispatchHost, req: IncomingMessage): boolean {
  return isWebSocket(req) || takesUpgrades(host.mounts.find(req.url ?? '/'))
}

export function dispatchUpgrade(host: DispatchHost, req: IncomingMessage, socket: Duplex, head: Buffer): void {
  // Until a library has taken the socket over, nobody else listens, and a reset would be an uncaught exception.
  socket.on('error', ignore)
  const mount = host.mounts.find(req.url ?? '/')
  if (!takesUpgrades(mount)) {
    if (isWebSocket(req)) refuse(socket, '404 Not Found')
    else serveWithoutUpgrade(host, req, socket, head)
    return
  }
  if (!mount.open) {
    refuse(socket, '503 Service Unavailable')
    return
  }
  const connection = Connection.of(socket, host.connections)
  connection.upgradedBy = mount.server
  if (mount.strip) stripMountPath(req, mount.path)
  try {
    mount.server.emit('upgrade', req, socket, head)
  } catch (error) {
    socket.destroy()
    host.report(
      new SynclessError('HANDLER_FAILED', `the upgrade of "${req.url}", mounted at "${mount.path}", failed`, {
        cause: error,
      }),
    )
  }
}

function takesUpgrades(mount: Mount | undefined): mount is Mount {
  return mount !== undefined && mount.server.listenerCount('upgrade') > 0
}

function isWebSocket(req: IncomingMessage): boolean {
  return req.method === 'CONNECT' || req.headers.upgrade?.toLowerCase() === 'websocket'
}

function refuse(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}

/**
 * A server may ignore an `Upgrade` it does not want, and answer as if it were not there. Clients count on that: Java's
 * offers HTTP/2 in this way with each first request. Node's parser has let go of the connection by now, so the request
 * goes in again, without the offer, in front of what follows it. From 24.9 on, Node asks `wantsUpgrade` before that.
 */
function serveWithoutUpgrade(host: DispatchHost, req: IncomingMessage, socket: Duplex, head: Buffer): void {
  const lines = [`${req.method} ${req.url} HTTP/${req.httpVersion}`]
  for (let i = 0; i < req.rawHeaders.length; i += 2) {
    const name = req.rawHeaders[i] ?? ''
    const value = req.rawHeaders[i + 1] ?? ''
    const key = name.toLowerCase()
    if (key === 'upgrade' || key === 'http2-settings') continue
    lines.push(`${name}: ${key === 'connection' ? withoutOffer(value) : value}`)
  }
  socket.unshift(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), head]))
  socket.off('error', ignore)
  host.accept(socket)
}

function withoutOffer(connection: string): string {
  const kept = connection.split(',').filter(token => !/^\s*(upgrade|http2-settings)\s*$/i.test(token))
  return kept.join(',').trim() || 'keep-alive'
}

function ignore(): void {}
