/** Names as the system knows them: by its hosts file, the DNS and its other configured sources. */
import { ADDRCONFIG, ALL, type LookupAddress, lookup, lookupService, V4MAPPED } from 'node:dns'
import { isIP } from 'node:net'
import { assertOptions } from '../../base/arguments.js'
import { SynclessError } from '../../base/errors.js'
import type { Op } from '../../loop/op.js'
import { assertFamily, assertPort, type SocketAddress } from '../bytes/address.js'
import { SocketError } from '../bytes/socket-error.js'
import { query } from './query.js'

/** Options of {@link getaddrinfo}. */
export interface GetAddrInfoOptions {
  /** The only kind of address to look up. Default: both. */
  readonly family?: 'IPv4' | 'IPv6'
  /** Flags for Node's `dns.lookup`, such as `dns.ADDRCONFIG`. */
  readonly hints?: number
}

/** A host: its name, its other names, its addresses. Semantics: C's `struct hostent`. */
export interface HostEntry {
  readonly hostname: string
  readonly aliases: readonly string[]
  readonly addresses: readonly string[]
}

/**
 * Looks up the addresses of a host by its name. Gives them in the order in which they should be tried, each with `port`.
 * Fails with `NAME_NOT_FOUND` if there is no address, and otherwise with `LOOKUP_FAILED`; both are a `SocketError` with
 * the system's code. A lookup that loses or times out is abandoned. It goes on in Node's thread pool, because the system
 * has no way to stop it. Throws `INVALID_ARGUMENT`. Semantics: `getaddrinfo(3)`.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { getaddrinfo } from 'syncless/nbsocket'
 *
 * const [first] = await getaddrinfo('localhost', 80, { family: 'IPv4' })
 * assert.deepEqual(first, { address: '127.0.0.1', port: 80, family: 'IPv4' })
 * ```
 */
export function getaddrinfo(host: string, port = 0, options: GetAddrInfoOptions = {}): Op<SocketAddress[]> {
  assertName(host, 'getaddrinfo()')
  assertOptions('getaddrinfo()', options)
  const { family, hints = 0 } = options
  assertPort(port, 0, 'getaddrinfo()')
  assertFamily(family, 'getaddrinfo()')
  if (!Number.isInteger(hints) || (hints & ~(ADDRCONFIG | V4MAPPED | ALL)) !== 0) {
    throw new SynclessError('INVALID_ARGUMENT', `getaddrinfo() takes the hints of dns.lookup, and got ${String(hints)}`)
  }
  const kind = family === undefined ? 0 : family === 'IPv4' ? 4 : 6
  const what = `getaddrinfo of ${host}`
  return query<LookupAddress[]>(what, answered => lookup(host, { all: true, family: kind, hints }, answered)).map(
    found => {
      const addresses = found.map(({ address, family }) => ({
        address,
        port,
        family: family === 6 ? ('IPv6' as const) : ('IPv4' as const),
      }))
      // Node returns an IP address unchanged, whatever its family is.
      if (family === undefined || addresses[0]?.family === family) return addresses
      throw new SocketError('NAME_NOT_FOUND', `${what}: it is not an ${family} address`)
    },
  )
}

/**
 * Looks up the first IPv4 address of a host. Fails and throws as {@link getaddrinfo} does. Semantics:
 * `gethostbyname(3)`, in Python.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { gethostbyname } from 'syncless/nbsocket'
 *
 * assert.equal(await gethostbyname('localhost'), '127.0.0.1')
 * ```
 */
export function gethostbyname(host: string): Op<string> {
  return getaddrinfo(host, 0, { family: 'IPv4' }).map(found => found[0]?.address ?? '')
}

/**
 * Looks up the IPv4 addresses of a host. The system gives no other names; a `resolver()` does. Fails and throws as
 * {@link getaddrinfo} does. Semantics: Python's `gethostbyname_ex`.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { gethostbyname_ex } from 'syncless/nbsocket'
 *
 * const { hostname, addresses } = await gethostbyname_ex('localhost')
 * assert.deepEqual([hostname, addresses[0]], ['localhost', '127.0.0.1'])
 * ```
 */
export function gethostbyname_ex(host: string): Op<HostEntry> {
  return getaddrinfo(host, 0, { family: 'IPv4' }).map(found => ({
    hostname: host,
    aliases: [],
    addresses: found.map(({ address }) => address),
  }))
}

/**
 * Looks up the name of the host that has an address. Fails with `NAME_NOT_FOUND` if the address has no name, and
 * otherwise with `LOOKUP_FAILED`. Throws `INVALID_ARGUMENT` if `address` is not an address. Semantics:
 * `gethostbyaddr(3)`.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { gethostbyaddr } from 'syncless/nbsocket'
 *
 * const { hostname, addresses } = await gethostbyaddr('127.0.0.1')
 * assert.match(hostname, /^localhost/)
 * assert.deepEqual(addresses, ['127.0.0.1'])
 * ```
 */
export function gethostbyaddr(address: string): Op<HostEntry> {
  assertAddress(address, 'gethostbyaddr()')
  const what = `gethostbyaddr of ${address}`
  return query<string>(what, answered => lookupService(address, 0, answered)).map(hostname => {
    // The system gives the address back if there is no name.
    if (isIP(hostname) !== 0) throw new SocketError('NAME_NOT_FOUND', `${what}: the address has no name`)
    return { hostname, aliases: [], addresses: [address] }
  })
}

/** @internal Throws `INVALID_ARGUMENT` unless `host` can be looked up. */
export function assertName(host: unknown, what: string): asserts host is string {
  if (typeof host === 'string' && host !== '') return
  throw new SynclessError('INVALID_ARGUMENT', `${what} takes the name of a host, and got ${String(host)}`)
}

/** @internal Throws `INVALID_ARGUMENT` unless `address` is an IP address. */
export function assertAddress(address: unknown, what: string): asserts address is string {
  if (typeof address === 'string' && isIP(address) !== 0) return
  throw new SynclessError('INVALID_ARGUMENT', `${what} takes an IP address, and got ${String(address)}`)
}
