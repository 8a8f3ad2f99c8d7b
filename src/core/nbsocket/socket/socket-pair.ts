import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, connect as netConnect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Op } from '../../loop/op.js'
import { action } from '../../ops/action.js'
import { ignoreError, messageOf, SocketError } from '../bytes/socket-error.js'
import { NbSocket } from './nbsocket.js'
import { assertSocketOptions, type SocketOptions } from './socket-options.js'

/**
 * Makes two sockets that are connected with each other: Unix-domain ones (pipes on Windows), through the kernel. Fails
 * with `CONNECT_FAILED` if the system has none left. Throws `INVALID_ARGUMENT`. Semantics: `socketpair(2)`.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { socketPair } from 'syncless/nbsocket'
 *
 * const [left, right] = await socketPair()
 * await left.send('over there')
 * await left.shutdown()
 * assert.equal(String(await right.recv()), 'over there')
 * assert.equal((await right.recv()).length, 0)
 * await right.send('and back')
 * assert.equal(String(await left.recv()), 'and back')
 * await left.close()
 * await right.close()
 * ```
 */
export function socketPair(options: SocketOptions = {}): Op<[NbSocket, NbSocket]> {
  assertSocketOptions(options, 'socketPair()')
  return rawPair().map(ends => asSockets(ends, options, ['left end of a pair', 'right end of a pair']))
}

/** @internal Makes both sockets, or none if the scope has ended. */
export function asSockets(
  [left, right]: [Socket, Socket],
  options: SocketOptions,
  names: readonly [string, string],
): [NbSocket, NbSocket] {
  try {
    return [new NbSocket(left, { ...options, name: names[0] }), new NbSocket(right, { ...options, name: names[1] })]
  } catch (error) {
    left.destroy()
    right.destroy()
    throw error
  }
}

/** @internal Makes two of Node's own sockets, connected with each other. */
export function rawPair(): Op<[Socket, Socket]> {
  return action<[Socket, Socket]>((resolve, reject) => {
    // No other user can come in: the folder is this user's, and it is deleted when the two have met.
    const folder = process.platform === 'win32' ? null : mkdtempSync(join(tmpdir(), 'pair-'))
    const path = folder === null ? `\\\\.\\pipe\\syncless-${process.pid}-${Math.random()}` : join(folder, 's')
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true })
    const ends: { left?: Socket; right?: Socket } = {}
    const over = () => {
      server.close()
      if (folder !== null) rmSync(folder, { recursive: true, force: true })
    }
    const fail = (error: Error) => {
      over()
      for (const end of Object.values(ends)) end.destroy()
      reject(new SocketError('CONNECT_FAILED', `no pair of sockets: ${messageOf(error)}`, error))
    }
    const met = () => {
      const { left, right } = ends
      if (left === undefined || right === undefined || left.connecting) return
      over()
      for (const end of [left, right]) end.off('error', fail).on('error', ignoreError)
      resolve([left, right])
    }
    server.on('error', fail)
    server.on('connection', socket => {
      ends.right = socket.on('error', fail)
      met()
    })
    server.listen(path, () => {
      ends.left = netConnect({ path, allowHalfOpen: true }, met).on('error', fail)
    })
    return () => {
      over()
      for (const end of Object.values(ends)) end.on('error', ignoreError).destroy()
    }
  }, 'socket pair')
}
