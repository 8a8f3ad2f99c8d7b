/** Answers to upgrades that no mount takes. */
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { endSocket } from '../request/connection.js'

export function refuse(socket: Duplex, status: string): void {
  endSocket(socket, `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
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
