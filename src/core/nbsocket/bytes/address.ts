import { isIPv6 } from 'node:net'
import { SynclessError } from '../../base/errors.js'

/** One end of a TCP connection, as Node names it. For a Unix-domain socket, a path takes its place. */
export interface SocketAddress {
  readonly address: string
  readonly port: number
  readonly family: 'IPv4' | 'IPv6'
}

/** @internal Returns one end as Node describes it, if it does. */
export function socketAddress(address?: string, port?: number, family?: string): SocketAddress | null {
  if (address === undefined || port === undefined) return null
  return { address, port, family: family === 'IPv6' ? 'IPv6' : 'IPv4' }
}

/** @internal `127.0.0.1:80`, `[::1]:80`, or the path. */
export function nameOf(where: SocketAddress | string | { host?: string | undefined; port: number }): string {
  if (typeof where === 'string') return where
  const host = 'address' in where ? where.address : (where.host ?? 'localhost')
  return `${isIPv6(host) ? `[${host}]` : host}:${where.port}`
}

/** @internal Throws `INVALID_ARGUMENT`. */
export function assertHost(host: unknown, what: string): void {
  if (host === undefined || typeof host === 'string') return
  throw new SynclessError('INVALID_ARGUMENT', `${what} takes an address or a name as its host, and got ${String(host)}`)
}

/** @internal Throws `INVALID_ARGUMENT`. */
export function assertFamily(family: unknown, what: string): void {
  if (family === undefined || family === 'IPv4' || family === 'IPv6') return
  throw new SynclessError('INVALID_ARGUMENT', `${what} takes 'IPv4' or 'IPv6' as its family, and got ${String(family)}`)
}

/** @internal Throws `INVALID_ARGUMENT`. */
export function assertPort(port: unknown, least: number, what: string): void {
  if (Number.isInteger(port) && Number(port) >= least && Number(port) <= 65535) return
  throw new SynclessError('INVALID_ARGUMENT', `${what} takes a port from ${least} to 65535, and got ${String(port)}`)
}
