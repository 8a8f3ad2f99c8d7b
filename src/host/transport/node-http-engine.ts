/** The engine over `node:http`. */
import { type IncomingMessage, type RequestListener, Server, type ServerOptions, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { inspect } from 'node:util'
import { timerDelay } from '../../core/ops/sleep.js'
import type { Engine, EngineSink } from './engine.js'
import { type MessageClasses, messageClasses, prototypesPay } from './message-prototypes.js'

/** Options of `http.createServer()` that a host passes on, and the limits that Node has as properties of its server. */
export interface NodeHttpOptions
  extends Omit<ServerOptions, 'IncomingMessage' | 'ServerResponse' | 'shouldUpgradeCallback'> {
  /** How long a connection may be silent, in milliseconds; the time of a slow handler counts. Default: 0, for ever. */
  timeout?: number
  /**
   * How many headers of a request are kept. The rest is dropped; later releases of Node refuse the request with 431.
   * 0: all.
   */
  maxHeadersCount?: number
  /**
   * How many requests a connection may make. The answer to the last one has `Connection: close`. Default: 0, any
   * number.
   */
  maxRequestsPerSocket?: number
}

/**
 * It has no address of its own: connections are emitted on it. Node's `close()` also closes what it takes for idle, and
 * cuts a response that has been ended and not yet sent; the host knows what is under way on each connection.
 */
class HttpServer extends Server {
  readonly #sink: EngineSink
  readonly #router: (req: IncomingMessage, socket: Duplex, head: Buffer) => void
  readonly #app: RequestListener
  /** The upgrade that is being left to listeners of others. */
  #left: IncomingMessage | null = null

  constructor(options: ServerOptions, sink: EngineSink) {
    super(options)
    this.#sink = sink
    this.#app = (req, res) => sink.request(req, res)
    this.#router = (req, socket, head) => {
      if (req !== this.#left) sink.upgrade(req, socket, head)
    }
    this.on('request', this.#app)
    this.on('upgrade', this.#router)
  }

  override closeIdleConnections(): void {}

  // To say that nobody listens has Node itself answer what is no request.
  override emit(event: string, one?: unknown, two?: unknown, three?: unknown): boolean {
    switch (event) {
      case 'clientError':
        this.#sink.malformed(one as Error)
        return false
      case 'request':
        if (this.#isOverheard) this.#sink.overhear(one as IncomingMessage, two as ServerResponse)
        break
      case 'upgrade':
        if (this.listenerCount('upgrade') > 1)
          return this.#share(one as IncomingMessage, two as Duplex, three as Buffer)
    }
    return super.emit(event, one, two, three)
  }

  /** Whether others have put listeners here, as those do that take the server from `req.socket.server`. */
  get #isOverheard(): boolean {
    return this.listenerCount('request') !== 1 || this.listeners('request')[0] !== this.#app
  }

  /** A mount's upgrades come to the mount alone. All others, the router leaves to those listeners. */
  #share(req: IncomingMessage, socket: Duplex, head: Buffer): boolean {
    const sink = this.#sink
    if (sink.takesUpgrade(req)) sink.upgrade(req, socket, head)
    else if (sink.leaveUpgrade(req, socket, this)) {
      this.#left = req
      try {
        super.emit('upgrade', req, socket, head)
      } finally {
        this.#left = null
      }
    }
    return true
  }
}

/** Throws Node's own error for an option that it refuses. */
export function nodeHttpEngine(sink: EngineSink, options: NodeHttpOptions): Engine {
  let server = httpServer(sink, options)
  let classes: MessageClasses | null = null
  let watching = false
  return {
    accept(connection) {
      // A server that listens looks for clients that are too slow, by a timer that it starts on this event.
      if (!watching) server.emit('listening')
      watching = true
      server.emit('connection', connection)
    },
    usePrototypes(prototypes) {
      if (classes === null && prototypes !== null && prototypesPay && !watching) {
        classes = messageClasses()
        server = httpServer(sink, { ...options, ...classes.options })
      }
      classes?.use(prototypes)
    },
    close() {
      watching = false
      server.close()
    },
  }
}

function httpServer(sink: EngineSink, options: NodeHttpOptions & MessageClasses['options']): Server {
  const { timeout, maxHeadersCount, maxRequestsPerSocket, ...rest } = options
  // Node 20, and early releases of 22 and 24, do not know the callback, and upgrade whatever offers it.
  const server = new HttpServer(
    { ...rest, ...longTimes(rest), shouldUpgradeCallback: req => sink.wantsUpgrade(req) },
    sink,
  )
  // Node takes these as properties only, and then whatever they are.
  for (const [name, value] of Object.entries({ timeout, maxHeadersCount, maxRequestsPerSocket })) {
    if (value === undefined) continue
    if (!Number.isInteger(value) || value < 0) throw new RangeError(`${name} is ${inspect(value)}: give a whole number`)
    Object.assign(server, { [name]: name === 'timeout' ? timerDelay(value) : value })
  }
  server.on('connection', socket => sink.connection(socket))
  server.on('checkContinue', (req, res) => sink.checkContinue(req, res))
  server.on('checkExpectation', (req, res) => sink.checkExpectation(req, res))
  return server
}

/** Node would wait 1 ms where one is too long for its timers, and adds a second or so to `keepAliveTimeout`. */
function longTimes(options: ServerOptions): Partial<ServerOptions> {
  const times = ['headersTimeout', 'requestTimeout', 'keepAliveTimeout', 'connectionsCheckingInterval'] as const
  const given = times.filter(name => typeof options[name] === 'number')
  return Object.fromEntries(given.map(name => [name, timerDelay(Number(options[name]), 60_000)]))
}
