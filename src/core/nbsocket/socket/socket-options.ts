import { assertOptions } from '../../base/arguments.js'
import { assertDuration } from '../../ops/sleep.js'
import type { SocketAddress } from '../bytes/address.js'

/** Options of a socket. */
export interface SocketOptions {
  /** The time that each operation may take, in ms; see {@link NbSocket.timeout}. Default: no limit. */
  timeout?: number
  /**
   * The time that the connection may live, in ms. Then it is destroyed, and its operations fail with `TIMEOUT`. Default:
   * no limit.
   */
  lifetime?: number
}

/** @internal Options that only the maker of a socket knows. */
export interface MadeWith extends SocketOptions {
  readonly name?: string
  readonly remote?: SocketAddress | string | null
  /** The name by which the peer was looked up. */
  readonly host?: string | null
  /** Whether the stream, once it is taken, stays open when its peer ends it. Default: false, as in `net.connect()`. */
  readonly allowHalfOpen?: boolean
  /** Whether the peer is the side that connected: `startTls()` is then a server's. Default: false. */
  readonly accepted?: boolean
}

/** @internal Throws `INVALID_ARGUMENT`. */
export function assertSocketOptions(options: SocketOptions, what: string): void {
  assertOptions(what, options)
  const { timeout, lifetime } = options
  if (timeout !== undefined) assertDuration(timeout, `the option timeout of ${what}`)
  if (lifetime !== undefined) assertDuration(lifetime, `the option lifetime of ${what}`)
}
