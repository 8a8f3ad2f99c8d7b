/** The address of a host, and the errors of one that cannot listen. */
import type { ListenOptions } from 'node:net'
import { codeOf, messageOf } from '../../core/base/error-text.js'
import { SynclessError } from '../../core/base/errors.js'
import { shownPath, whatIsAt } from './unix-socket.js'

/** The protocol at an address. With `'both'`, the first byte of each connection decides whether it is TLS. */
export type Protocol = 'http' | 'https' | 'both'

/** One address of a host, with the options of `net.Server.listen()`: a TCP `port`, or the `path` of a Unix socket. */
export interface ListenAddress
  extends Pick<
    ListenOptions,
    'port' | 'host' | 'path' | 'backlog' | 'exclusive' | 'ipv6Only' | 'readableAll' | 'writableAll'
  > {
  /** The protocol at this address. Default: `'https'` if the host has `tls`, else `'http'`. */
  protocol?: Protocol
  /**
   * Whether to replace a Unix socket that a dead process left behind. A socket at which a process listens is never
   * replaced. Default: false, such a file is refused with `STALE_SOCKET`.
   */
  replaceStale?: boolean
}

/** Returns the address as text for messages. */
export function nameOf({ path, port, host }: ListenAddress): string {
  if (path !== undefined) return path
  return `port ${port ?? 0}${host === undefined ? '' : ` on ${host}`}`
}

/** Returns the error for an address that the system refused. Its message says what to do. */
export async function bindError(error: unknown, address: ListenAddress): Promise<SynclessError> {
  const code = codeOf(error)
  const where = nameOf(address)
  if (code === 'EADDRINUSE' && address.path !== undefined) return unixError(error, address.path)
  const advice = advices[code]
  if (advice !== undefined) return new SynclessError('ADDRESS_IN_USE', `${where} ${advice} (${code})`, { cause: error })
  return new SynclessError('INVALID_ARGUMENT', `the host cannot listen on ${where}: ${messageOf(error)}`, {
    cause: error,
  })
}

const advices: Record<string, string> = {
  EADDRINUSE: 'is taken by another server: stop that server, or listen on another port; port 0 finds a free one',
  EACCES: 'is not allowed to this process: choose a port of 1024 or higher, as lower ports need a privilege',
  EADDRNOTAVAIL: 'is not an address of this machine: leave `host` out to listen on all its addresses',
}

async function unixError(cause: unknown, path: string): Promise<SynclessError> {
  switch (await whatIsAt(path)) {
    case 'stale':
      return new SynclessError(
        'STALE_SOCKET',
        `remove ${shownPath(path)}, or listen with { replaceStale: true }: an ended process left this socket, and no server ` +
          'listens there',
        { cause },
      )
    case 'file':
      return new SynclessError('ADDRESS_IN_USE', `choose another path: ${shownPath(path)} is a file, not a socket`, {
        cause,
      })
    default:
      return new SynclessError(
        'ADDRESS_IN_USE',
        `stop the other server, or choose another path: ${shownPath(path)} is the socket of another server`,
        {
          cause,
        },
      )
  }
}
