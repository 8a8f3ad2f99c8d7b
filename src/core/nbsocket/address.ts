import { isIPv6 } from 'node:net'

/** One end of a TCP connection, as Node names it. Of a Unix-domain socket, the path stands in its place. */
export interface SocketAddress {
  readonly address: string
  readonly port: number
  readonly family: 'IPv4' | 'IPv6'
}

/** @internal What Node says of one end, if it says anything. */
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
