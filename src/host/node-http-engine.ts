/** The engine over `node:http`. */
import { Server, type ServerOptions } from 'node:http'
import type { BindOptions, Engine, EngineSink } from './engine.js'

/** Options of `http.createServer` that a host passes on. */
export type NodeHttpOptions = Omit<ServerOptions, 'IncomingMessage' | 'ServerResponse' | 'shouldUpgradeCallback'>

/**
 * Node's `close()` also closes what it takes for idle, and cuts a response that has been ended and not yet sent. The
 * host knows what is under way on each connection, and ends them by itself.
 */
class HttpServer extends Server {
  override closeIdleConnections(): void {}
}

export function nodeHttpEngine(sink: EngineSink, options: NodeHttpOptions): Engine {
  // Node 20, and early releases of 22 and 24, do not know the callback, and upgrade whatever offers it.
  const server = new HttpServer({ ...options, shouldUpgradeCallback: req => sink.wantsUpgrade(req) })
  server.on('connection', socket => sink.connection(socket))
  server.on('request', (req, res) => sink.request(req, res))
  server.on('checkContinue', (req, res) => sink.checkContinue(req, res))
  server.on('checkExpectation', (req, res) => sink.checkExpectation(req, res))
  server.on('upgrade', (req, socket, head) => sink.upgrade(req, socket, head))
  server.on('clientError', (error, socket) => sink.malformed(error, socket))
  return {
    bind: (bind: BindOptions) =>
      new Promise((resolve, reject) => {
        const settle = (error?: unknown) => {
          server.off('error', settle).off('listening', settle)
          if (error === undefined) resolve()
          else reject(error)
        }
        server.once('error', settle).once('listening', settle)
        try {
          server.listen({ ...bind })
        } catch (error) {
          settle(error)
        }
      }),
    address: () => server.address(),
    accept: connection => {
      server.emit('connection', connection)
    },
    // The callback gets an error where it was not listening, which is as good as closed.
    stop: () => new Promise(resolve => server.close(() => resolve())),
  }
}
