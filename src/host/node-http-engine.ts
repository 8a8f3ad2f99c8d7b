/** The engine over `node:http`. */
import { createServer, type ServerOptions } from 'node:http'
import type { BindOptions, Engine, EngineSink } from './engine.js'

/** Options of `http.createServer` that a host passes on. */
export type NodeHttpOptions = Omit<ServerOptions, 'IncomingMessage' | 'ServerResponse' | 'shouldUpgradeCallback'>

export function nodeHttpEngine(sink: EngineSink, options: NodeHttpOptions): Engine {
  // Node before 24.9 does not know the callback, and upgrades whatever offers it.
  const server = createServer({ ...options, shouldUpgradeCallback: req => sink.wantsUpgrade(req) })
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
    dropIdle: () => server.closeIdleConnections(),
    destroy: () => server.closeAllConnections(),
  }
}
