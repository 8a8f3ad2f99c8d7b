/** Where a host listens, and what is said when it cannot. */
import type { ListenOptions } from 'node:net'
import { codeOf, messageOf } from '../../core/base/error-text.js'
import { SynclessError } from '../../core/base/errors.js'
import { shownPath, whatIsAt } from './unix-socket.js'

/** What a host speaks at an address. `'both'`: each connection says by its first byte whether it is TLS. */
export type Protocol = 'http' | 'https' | 'both'

/** One address to listen at, as `net.Server.listen()` has it: a TCP `port`, or the `path` of a Unix socket. */
export interface ListenAddress
  extends Pick<
    ListenOptions,
    'port' | 'host' | 'path' | 'backlog' | 'exclusive' | 'ipv6Only' | 'readableAll' | 'writableAll'
  > {
  /** What is spoken here. Default: `'https'` where the host was given `tls`, else `'http'`. */
  protocol?: Protocol
  /**
   * Whether a Unix socket that a process has left behind is replaced. One that somebody listens at never is. Default:
   * false, such a file is refused with `STALE_SOCKET`.
   */
  replaceStale?: boolean
}

/** The address as a message shows it. */
export function nameOf({ path, port, host }: ListenAddress): string {
  if (path !== undefined) return path
  return `port ${port ?? 0}${host === undefined ? '' : ` on ${host}`}`
}

/** What the system said about an address, as an error that says what to do. */
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
  EADDRINUSE: 'is taken by another server: stop that one, or listen on another; port 0 finds a free one',
  EACCES: 'may not be used by this process: ports below 1024 need a privilege; choose a higher one',
  EADDRNOTAVAIL: 'is no address of this machine: leave `host` out to listen on all of them',
}

async function unixError(cause: unknown, path: string): Promise<SynclessError> {
  switch (await whatIsAt(path)) {
    case 'stale':
      return new SynclessError(
        'STALE_SOCKET',
        `${shownPath(path)} is a socket at which nobody listens, left by a process that is gone: remove it, or listen with ` +
          '{ replaceStale: true }',
        { cause },
      )
    case 'file':
      return new SynclessError('ADDRESS_IN_USE', `${shownPath(path)} is a file and no socket: choose another path`, {
        cause,
      })
    default:
      return new SynclessError(
        'ADDRESS_IN_USE',
        `${shownPath(path)} is another server's: stop that one, or choose another path`,
        {
          cause,
        },
      )
  }
}
