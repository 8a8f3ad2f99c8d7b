import { createServer, type Server } from 'node:net'
import type { Op } from '../../loop/op.js'
import { action } from '../../ops/action.js'
import { ignoreError, messageOf, SocketError, systemCodeOf } from '../bytes/socket-error.js'
import { assertListenOptions, type ListenOptions, whereAt } from './listen-options.js'
import { Listener } from './listener.js'
import { assertSocketOptions } from './socket-options.js'
import { terminatorOf } from './tls.js'

/**
 * Listens for TCP or Unix-domain connections, over TLS if `tls` is set. Settles when connections are taken. Fails with
 * `ADDRESS_IN_USE` if the address is taken or may not be used, and with `INVALID_ARGUMENT` if it makes no sense; both
 * are {@link SocketError}s. Throws `INVALID_ARGUMENT`. Semantics: `listen(2)`.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { connect, listen } from 'syncless/nbsocket'
 *
 * const server = await listen({ port: 0, host: '127.0.0.1', backlog: 64 })
 * const there = await connect({ port: server.port, host: '127.0.0.1' })
 * const here = await server.accept()
 * await there.send('ping')
 * assert.equal(String(await here.recv()), 'ping')
 * await assert.rejects(async () => listen({ port: server.port, host: '127.0.0.1' }), { code: 'ADDRESS_IN_USE' })
 * for (const each of [here, there, server]) await each.close()
 * ```
 */
export function listen(options: ListenOptions): Op<Listener> {
  const where = whereAt(options)
  assertSocketOptions(options, 'listen()')
  assertListenOptions(options)
  return action<Server>((resolve, reject) => {
    if (options.tls !== undefined) terminatorOf(options.tls, `listen() at ${where}`)
    const server = bind(options, where)
    const settle = () => server.off('listening', onListening).off('error', onError).on('error', ignoreError)
    const onListening = () => {
      settle()
      resolve(server)
    }
    const onError = (error: Error) => {
      settle()
      reject(listenError(error, where))
    }
    server.on('listening', onListening).on('error', onError)
    return () => {
      settle()
      server.close()
    }
  }, `listen at ${where}`).map(server => new Listener(server, options))
}

function bind(options: ListenOptions, where: string): Server {
  const { noDelay = true, keepAlive, keepAliveInitialDelay, highWaterMark, connections } = options
  const { port, host, path, backlog, exclusive, ipv6Only, reusePort, readableAll, writableAll } = options
  const given = { port, host, path, backlog, exclusive, ipv6Only, reusePort, readableAll, writableAll }
  try {
    const server = createServer({
      allowHalfOpen: true,
      // Nothing is read before an operation wants it.
      pauseOnConnect: true,
      noDelay,
      keepAlive,
      keepAliveInitialDelay,
      highWaterMark,
    })
    if (connections !== undefined) server.maxConnections = connections
    server.listen(Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)))
    return server
  } catch (error) {
    throw new SocketError('INVALID_ARGUMENT', `listen() at ${where}: ${messageOf(error)}`, error)
  }
}

function listenError(error: Error, where: string): SocketError {
  const advice = advices[systemCodeOf(error) ?? '']
  if (advice === undefined)
    return new SocketError('INVALID_ARGUMENT', `listen() at ${where}: ${messageOf(error)}`, error)
  return new SocketError('ADDRESS_IN_USE', `${where} ${advice} (${systemCodeOf(error)})`, error)
}

const advices: Record<string, string> = {
  EADDRINUSE: 'is taken: stop the other server, or remove the Unix-domain socket that an ended server has left',
  EACCES: 'is not allowed to this process: choose a port of 1024 or higher, as lower ports need a privilege',
  EADDRNOTAVAIL: 'is not an address of this machine: leave `host` out to listen on all its addresses',
}
