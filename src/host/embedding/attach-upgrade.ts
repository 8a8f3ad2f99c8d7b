/**
 * Upgrades that nobody takes, on a server to which a host is attached. Without the host, Node answers them like any other
 * request, in its turn. Node 24.9 and later ask before they offer an upgrade. Earlier Nodes offer it to the host, and let
 * go of the connection for that.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { MAX_HEADERS, refuse } from '../dispatch/without-upgrade.js'

const responses = Symbol('responses of a connection')

interface Noted {
  /** The responses that were unfinished when the latest request came. */
  [responses]?: ServerResponse[]
}

type Ask = (this: unknown, req: IncomingMessage) => boolean

/** Hosts may be attached to one server together: each asks the one before. */
const asks = new WeakSet<Ask>()

/**
 * Lets `takes` decide where nobody else listens for upgrades. Node keeps the option `shouldUpgradeCallback` as a property of
 * the server, and asks it for each offer. A Node that does not know the option is left alone. Disposed, it is as before.
 */
export function askBeforeUpgrade(
  server: object & { shouldUpgradeCallback?: unknown },
  takes: (req: IncomingMessage) => boolean,
  listens: () => boolean,
): Disposable {
  const before = server.shouldUpgradeCallback
  if (!isAsk(before)) return { [Symbol.dispose]() {} }
  let asked = true
  const ask: Ask = req => {
    if (asked && takes(req)) return true
    // Node's own counts the listeners, and the host is one of them.
    return asks.has(before) || listens() ? Reflect.apply(before, server, [req]) : false
  }
  asks.add(ask)
  server.shouldUpgradeCallback = ask
  return {
    [Symbol.dispose]() {
      asked = false
      // Somebody may have put another in its place, which goes on to call it.
      if (server.shouldUpgradeCallback === ask) server.shouldUpgradeCallback = before
    },
  }
}

function isAsk(value: unknown): value is Ask {
  return typeof value === 'function'
}

/** Notes a response, in the order in which they are sent. */
export function noteResponse(socket: Duplex & Noted, res: ServerResponse): void {
  const noted = socket[responses]
  if (noted === undefined) socket[responses] = [res]
  else {
    if (noted.every(({ closed }) => closed)) noted.length = 0
    noted.push(res)
  }
}

/** Calls `run` when the responses ahead have been sent, which may be now; never if the connection closes before. */
export function afterResponses(socket: Duplex & Noted, run: () => void): void {
  const ahead = socket[responses]?.filter(({ closed }) => !closed) ?? []
  const last = ahead.at(-1)
  if (last === undefined) {
    run()
    return
  }
  // Node tells these no more that they may go on writing, nor that the connection has failed.
  const drained = () => ahead.find(({ writableFinished }) => !writableFinished)?.emit('drain')
  socket.on('drain', drained).on('error', ignore)
  last.once('close', () => {
    socket.off('drain', drained)
    if (socket.destroyed) return
    socket.off('error', ignore)
    run()
  })
}

/**
 * Serves a request as it is, with its offer. `accept` has Node parse the connection once more, until it is disposed: the
 * request is parsed in that time.
 */
export function serveWithoutUpgrade(
  req: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  accept: (socket: Duplex) => Disposable,
): void {
  if (req.rawHeaders.length > 2 * MAX_HEADERS) {
    refuse(socket, '431 Request Header Fields Too Large')
    return
  }
  // Node 26 offers an upgrade before its body has come, on a stream that stands for the socket, and parses the body itself.
  if (socket !== req.socket) {
    refuse(socket, '400 Bad Request')
    return
  }
  if ('setTimeout' in socket && typeof socket.setTimeout === 'function') socket.setTimeout(0)
  const lines = [`${req.method} ${req.url} HTTP/${req.httpVersion}`]
  for (let i = 0; i < req.rawHeaders.length; i += 2) lines.push(`${req.rawHeaders[i]}: ${req.rawHeaders[i + 1]}`)
  using _open = accept(socket)
  socket.emit('data', Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), head]))
}

function ignore(): void {}
