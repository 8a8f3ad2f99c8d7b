/** The addresses at which a host listens. */
import type { AddressInfo } from 'node:net'
import { assertOptions, invalid } from '../../core/base/arguments.js'
import type { ListenAddress, Protocol } from './listen-address.js'

/** The address of a host, or several as `{ addresses: [...] }`. */
export interface HostListenOptions extends ListenAddress {
  /** More addresses; all of them, if neither `port` nor `path` is set beside it. */
  addresses?: readonly ListenAddress[]
}

/** Returns the addresses of the options, at least one. Throws `INVALID_ARGUMENT`. */
export function checkedAddresses(what: string, options: HostListenOptions): ListenAddress[] {
  const port = typeof options === 'number' ? options : 3000
  assertOptions(what, options, `: pass { port: ${port} }, or { path } for a Unix socket`)
  const { addresses = [], ...first } = options
  if (!Array.isArray(addresses)) throw invalid(`${what}: addresses`, 'a list of them', addresses)
  const given = first.port !== undefined || first.path !== undefined
  const all = given || addresses.length === 0 ? [first, ...addresses] : [...addresses]
  for (const address of all) assertAddress(what, address)
  return all
}

const protocols: readonly Protocol[] = ['http', 'https', 'both']

/** The allowed kinds of options. Node would refuse a wrong kind without an error of its own, or too late. */
const kinds = { port: ['number', 'string'], host: ['string'], path: ['string'], backlog: ['number'] } as const

function assertAddress(what: string, address: ListenAddress): void {
  assertOptions(`${what}: addresses`, address)
  for (const [name, allowed] of Object.entries(kinds)) {
    const value: unknown = address[name as keyof typeof kinds]
    if (value === undefined || value === null || allowed.some(kind => kind === typeof value)) continue
    throw invalid(`${what}: ${name}`, `a ${allowed[0]}`, value)
  }
  const { protocol } = address
  if (protocol === undefined || protocols.includes(protocol)) return
  throw invalid(`${what}: protocol`, protocols.join(', '), protocol)
}

/** Returns both kinds of address in one shape: a Unix socket has its path as the address, and port 0. */
export function addressInfo(address: AddressInfo | string | null): AddressInfo {
  return typeof address === 'object' && address !== null ? address : { address: address ?? '', family: 'unix', port: 0 }
}
