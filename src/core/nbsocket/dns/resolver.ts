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
  /** Whom to ask: addresses, each with a port or without (`'127.0.0.1:5353'`, `'[::1]:53'`). Default: those of the system. */
  readonly servers?: readonly string[]
  /** For how many milliseconds to wait for a first answer, before it asks again. Default: that of c-ares, 2000. */
  readonly timeout?: number
  /** How often each server is asked. Default 4. */
  readonly tries?: number
}

/**
 * Asks DNS servers, made by {@link resolver}. Each method is an operation; it fails with `NAME_NOT_FOUND` where there is no such
 * name, or no record of that kind, and else with `LOOKUP_FAILED`, both a `SocketError` with the code of c-ares (`ENOTFOUND`,
 * `ENODATA`, `ESERVFAIL`, `ETIMEOUT`, `ECONNREFUSED`). One that loses or times out abandons its query. Throws
 * `INVALID_ARGUMENT` for what is no name. Semantics: Node's `dns.Resolver`.
 */
export class Resolver {
  readonly #native: NodeResolver
  /** How many queries somebody waits for. */
  #live = 0

  /** @internal Use {@link resolver}. */
  constructor(native: NodeResolver) {
    this.#native = native
  }

  /** Whom it asks. */
  get servers(): string[] {
    return this.#native.getServers()
  }

  /** IPv4 addresses. */
  resolve4(name: string): Op<string[]> {
    return this.#query('resolve4', name, answered => this.#native.resolve4(name, answered))
  }

  /** IPv6 addresses. */
  resolve6(name: string): Op<string[]> {
    return this.#query('resolve6', name, answered => this.#native.resolve6(name, answered))
  }

  /** Mail servers. */
  resolveMx(name: string): Op<MxRecord[]> {
    return this.#query('resolveMx', name, answered => this.#native.resolveMx(name, answered))
  }

  /** Texts, each in the chunks in which it is stored. */
  resolveTxt(name: string): Op<string[][]> {
    return this.#query('resolveTxt', name, answered => this.#native.resolveTxt(name, answered))
  }

  /** Where services are. */
  resolveSrv(name: string): Op<SrvRecord[]> {
    return this.#query('resolveSrv', name, answered => this.#native.resolveSrv(name, answered))
  }

  /** What a name such as `1.0.0.127.in-addr.arpa` points to; for an address there is {@link gethostbyaddr}. */
  resolvePtr(name: string): Op<string[]> {
    return this.#query('resolvePtr', name, answered => this.#native.resolvePtr(name, answered))
  }

  /** Name servers. */
  resolveNs(name: string): Op<string[]> {
    return this.#query('resolveNs', name, answered => this.#native.resolveNs(name, answered))
  }

  /** The name of which this one is an alias. */
  resolveCname(name: string): Op<string[]> {
    return this.#query('resolveCname', name, answered => this.#native.resolveCname(name, answered))
  }

  /** The start of the zone. */
  resolveSoa(name: string): Op<SoaRecord> {
    return this.#query('resolveSoa', name, answered => this.#native.resolveSoa(name, answered))
  }

  /** Rules by which names are rewritten. */
  resolveNaptr(name: string): Op<NaptrRecord[]> {
    return this.#query('resolveNaptr', name, answered => this.#native.resolveNaptr(name, answered))
  }

  /** Who may issue certificates. */
  resolveCaa(name: string): Op<CaaRecord[]> {
    return this.#query('resolveCaa', name, answered => this.#native.resolveCaa(name, answered))
  }

  /** Whatever the server likes to tell; many refuse (RFC 8482). */
  resolveAny(name: string): Op<AnyRecord[]> {
    return this.#query('resolveAny', name, answered => this.#native.resolveAny(name, answered))
  }

  /** The names of an address. */
  reverse(address: string): Op<string[]> {
    assertAddress(address, 'reverse()')
    return this.#query('reverse', address, answered => this.#native.reverse(address, answered))
  }

  /** The first IPv4 address of a host. One that is an IPv4 address already is given back. */
  gethostbyname(name: string): Op<string> {
    if (isIPv4(name)) return always(name)
    return this.resolve4(name).map(addresses => addresses[0] ?? '')
  }

  /** A host with its IPv4 addresses; `hostname` is what its aliases lead to. This is a task, of several queries. */
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

  /** The host that has an address: its first name, and the others. */
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
        // There is no way to stop one query, but all of them: those that nobody waits for must not keep the process alive.
        if (this.#live === 0) this.#native.cancel()
      }
    })
  }
}

/** How long a chain of aliases may be. */
const MOST_ALIASES = 16

/**
 * Makes a resolver of its own, which asks the DNS servers that it is told. Throws `INVALID_ARGUMENT` for what is no address of
 * a server, or no number.
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
