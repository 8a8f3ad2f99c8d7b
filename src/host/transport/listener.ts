/** One address that is listened at. */
import { type AddressInfo, createServer, type ServerOpts, type Socket } from 'node:net'
import type { SynclessError } from '../../core/base/errors.js'
import { bindError, type ListenAddress } from './listen-address.js'
import { closeKeepingOthers, fileAt, removeStale } from './unix-socket.js'

export interface Listener {
  address(): AddressInfo | string | null
  /** Stops accepting. Resolves when the last connection that came in here has ended, with what failed, if anything. */
  close(): Promise<SynclessError | null>
}

/** The events of a listener: a connection, or the reason why none could be accepted. */
export interface ListenerSink {
  accept(socket: Socket): void
  failed(error: Error): void
}

/** Resolves when connections are accepted. Rejects with `ADDRESS_IN_USE`, `STALE_SOCKET` and `INVALID_ARGUMENT`. */
export async function listenAt(address: ListenAddress, options: ServerOpts, sink: ListenerSink): Promise<Listener> {
  const { protocol: _, replaceStale, ...where } = address
  const { path } = where
  const server = createServer(options, socket => sink.accept(socket))
  try {
    if (path !== undefined && replaceStale === true) await removeStale(path)
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(where, () => {
        server.off('error', reject).on('error', error => sink.failed(error))
        resolve()
      })
    })
  } catch (error) {
    throw await bindError(error, address)
  }
  const file = path === undefined ? undefined : fileAt(path)
  return {
    address: () => server.address(),
    close: () =>
      new Promise(resolve => {
        let failure: SynclessError | null = null
        const close = () => server.close(() => resolve(failure))
        if (path === undefined) close()
        else failure = closeKeepingOthers(path, file, close)
      }),
  }
}
