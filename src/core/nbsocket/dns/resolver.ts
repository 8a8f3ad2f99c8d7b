/** Names by the DNS alone. */

import {
  type AnyRecord,
  type CaaRecord,
  type MxRecord,
  type NaptrRecord,
  Resolver as NodeResolver,
  type SoaRecord,
  type SrvRecord,
} from 'node:dns'
import { isIPv4 } from 'node:net'
import { assertOptions } from '../../base/arguments.js'
import { SynclessError } from '../../base/errors.js'
import type { Co, Op } from '../../loop/op.js'
import { always } from '../../ops/always-never.js'
import { scope } from '../../scope/scope-block.js'
import { assertAddress, assertName, type HostEntry } from './hosts.js'
import { type Answered, query } from './query.js'

/** Options of {@link resolver}. */
export interface ResolverOptions {
  /**
   * The servers to ask: addresses, each with or without a port (`'127.0.0.1:5353'`, `'[::1]:53'`). Default: the system's
   * servers.
   */
  readonly servers?: readonly string[]
  /** The time to wait for a first answer before asking again, in ms. Default: that of c-ares, 2000. */
  readonly timeout?: number
  /** The number of times that each server is asked. Default: 4. */
  readonly tries?: number
}

/**
 * A client of DNS servers, made by {@link resolver}. Each method gives an operation. An operation fails with
 * `NAME_NOT_FOUND` if the name does not exist or has no record of that kind, and otherwise with `LOOKUP_FAILED`. Both
 * are a `SocketError` with the code of c-ares (`ENOTFOUND`, `ENODATA`, `ESERVFAIL`, `ETIMEOUT`, `ECONNREFUSED`). An
 * operation that loses or times out abandons its query. Throws `INVALID_ARGUMENT` for a name that is not a name.
 * Semantics: Node's `dns.Resolver`.
 */
export class Resolver {
  readonly #native: NodeResolver
  /** The number of queries that somebody waits for. */
  #live = 0

  /** @internal Use {@link resolver}. */
  constructor(native: NodeResolver) {
    this.#native = native
  }

  /** The servers that are asked. */
  get servers(): string[] {
    return this.#native.getServers()
  }

  /** Looks up the IPv4 addresses of a name. */
  resolve4(name: string): Op<string[]> {
    return this.#query('resolve4', name, answered => this.#native.resolve4(name, answered))
  }

  /** Looks up the IPv6 addresses of a name. */
  resolve6(name: string): Op<string[]> {
    return this.#query('resolve6', name, answered => this.#native.resolve6(name, answered))
  }

  /** Looks up the mail servers of a name. */
  resolveMx(name: string): Op<MxRecord[]> {
    return this.#query('resolveMx', name, answered => this.#native.resolveMx(name, answered))
  }

  /** Looks up the texts of a name, each in the chunks in which it is stored. */
  resolveTxt(name: string): Op<string[][]> {
    return this.#query('resolveTxt', name, answered => this.#native.resolveTxt(name, answered))
  }

  /** Looks up the places of a service. */
  resolveSrv(name: string): Op<SrvRecord[]> {
    return this.#query('resolveSrv', name, answered => this.#native.resolveSrv(name, answered))
  }

  /** Looks up the target of a name such as `1.0.0.127.in-addr.arpa`. Use {@link gethostbyaddr} for an address. */
  resolvePtr(name: string): Op<string[]> {
    return this.#query('resolvePtr', name, answered => this.#native.resolvePtr(name, answered))
  }

  /** Looks up the name servers of a name. */
  resolveNs(name: string): Op<string[]> {
    return this.#query('resolveNs', name, answered => this.#native.resolveNs(name, answered))
  }

  /** Looks up the name for which this one is an alias. */
  resolveCname(name: string): Op<string[]> {
    return this.#query('resolveCname', name, answered => this.#native.resolveCname(name, answered))
  }

  /** Looks up the start of the zone of a name. */
  resolveSoa(name: string): Op<SoaRecord> {
    return this.#query('resolveSoa', name, answered => this.#native.resolveSoa(name, answered))
  }

  /** Looks up the rules by which names are rewritten. */
  resolveNaptr(name: string): Op<NaptrRecord[]> {
    return this.#query('resolveNaptr', name, answered => this.#native.resolveNaptr(name, answered))
  }

  /** Looks up the authorities that may issue certificates for a name. */
  resolveCaa(name: string): Op<CaaRecord[]> {
    return this.#query('resolveCaa', name, answered => this.#native.resolveCaa(name, answered))
  }

  /** Looks up all records that the server gives; many servers refuse (RFC 8482). */
  resolveAny(name: string): Op<AnyRecord[]> {
    return this.#query('resolveAny', name, answered => this.#native.resolveAny(name, answered))
  }

  /** Looks up the names of an address. */
  reverse(address: string): Op<string[]> {
    assertAddress(address, 'reverse()')
    return this.#query('reverse', address, answered => this.#native.reverse(address, answered))
  }

  /** Looks up the first IPv4 address of a host. A name that is already an IPv4 address is given back. */
  gethostbyname(name: string): Op<string> {
    if (isIPv4(name)) return always(name)
    return this.resolve4(name).map(addresses => addresses[0] ?? '')
  }

  /**
   * Looks up a host with its IPv4 addresses. `hostname` is the name at the end of its aliases. This is a task of several
   * queries.
   */
  gethostbyname_ex(name: string): Op<HostEntry> {
    assertName(name, 'gethostbyname_ex()')
    const self = this
    return scope(function* gethostbyname_ex() {
      const addresses = yield* self.resolve4(name)
      const aliases: string[] = []
      let hostname = name
      while (aliases.length < MOST_ALIASES) {
        const next = yield* self.#aliasOf(hostname)
        if (next === null) break
        aliases.push(hostname)
        hostname = next
      }
      return { hostname, aliases, addresses }
    })
  }

  /** Looks up the host that has an address: its first name, and the others. */
  gethostbyaddr(address: string): Op<HostEntry> {
    assertAddress(address, 'gethostbyaddr()')
    return this.reverse(address).map(([hostname = '', ...aliases]) => ({ hostname, aliases, addresses: [address] }))
  }

  *#aliasOf(name: string): Co<string | null> {
    try {
      return (yield* this.resolveCname(name))[0] ?? null
    } catch (error) {
      if (error instanceof SynclessError && error.code === 'NAME_NOT_FOUND') return null
      throw error
    }
  }

  #query<T>(method: string, name: string, ask: (answered: Answered<T>) => void): Op<T> {
    assertName(name, `${method}()`)
    return query(`${method} of ${name}`, answered => {
      let waiting = true
      const left = () => {
        if (waiting) this.#live--
        waiting = false
      }
      this.#live++
      ask((error, value) => {
        left()
        answered(error, value)
      })
      return () => {
        left()
        // Node cannot stop one query, only all of them. Queries that nobody waits for must not keep the process alive.
        if (this.#live === 0) this.#native.cancel()
      }
    })
  }
}

/** The greatest length of a chain of aliases. */
const MOST_ALIASES = 16

/**
 * Makes a separate resolver, which asks the DNS servers that `options` names. Throws `INVALID_ARGUMENT` if a server's
 * address or a number is wrong.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { timeout } from 'syncless'
 * import { bindUdp, resolver } from 'syncless/nbsocket'
 *
 * const silent = await bindUdp({ host: '127.0.0.1' }) // a server that never answers
 * const dns = resolver({ servers: [`127.0.0.1:${silent.address.port}`] })
 * assert.equal(await timeout(50, dns.resolve4('example.com'), { else: 'no answer' }), 'no answer')
 * await silent.close()
 * ```
 */
export function resolver(options: ResolverOptions = {}): Resolver {
  assertOptions('resolver()', options)
  const { servers, timeout = -1, tries = 4 } = options
  try {
    const native = new NodeResolver({ timeout, tries })
    if (servers !== undefined) native.setServers(servers)
    return new Resolver(native)
  } catch (cause) {
    const { message }: { message?: unknown } = Object(cause)
    throw new SynclessError('INVALID_ARGUMENT', `resolver(): ${String(message)}`, { cause })
  }
}
