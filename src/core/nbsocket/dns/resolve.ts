/** The DNS by the system's servers: one resolver that all calls share. */
import type { AnyRecord, CaaRecord, MxRecord, NaptrRecord, SoaRecord, SrvRecord } from 'node:dns'
import type { Op } from '../../loop/op.js'
import { type Resolver, resolver } from './resolver.js'

let systemResolver: Resolver | null = null

/** Returns the resolver of the system's servers, made on the first call. */
function system(): Resolver {
  systemResolver ??= resolver()
  return systemResolver
}

/** Looks up the IPv4 addresses of a name, by the system's DNS servers. See {@link Resolver}, also for the errors. */
export function resolve4(name: string): Op<string[]> {
  return system().resolve4(name)
}

/** Looks up the IPv6 addresses of a name, by the system's DNS servers. See {@link Resolver}, also for the errors. */
export function resolve6(name: string): Op<string[]> {
  return system().resolve6(name)
}

/** Looks up the mail servers of a name, by the system's DNS servers. See {@link Resolver}, also for the errors. */
export function resolveMx(name: string): Op<MxRecord[]> {
  return system().resolveMx(name)
}

/** Looks up the texts of a name, by the system's DNS servers. See {@link Resolver}, also for the errors. */
export function resolveTxt(name: string): Op<string[][]> {
  return system().resolveTxt(name)
}

/** Looks up the places of a service of a name, by the system's DNS servers. See {@link Resolver}, also for the errors. */
export function resolveSrv(name: string): Op<SrvRecord[]> {
  return system().resolveSrv(name)
}

/** Looks up the pointers of a name, by the system's DNS servers. See {@link Resolver}, also for the errors. */
export function resolvePtr(name: string): Op<string[]> {
  return system().resolvePtr(name)
}

/** Looks up the name servers of a name, by the system's DNS servers. See {@link Resolver}, also for the errors. */
export function resolveNs(name: string): Op<string[]> {
  return system().resolveNs(name)
}

/** Looks up the canonical name of a name, by the system's DNS servers. See {@link Resolver}, also for the errors. */
export function resolveCname(name: string): Op<string[]> {
  return system().resolveCname(name)
}

/** Looks up the start of the zone of a name, by the system's DNS servers. See {@link Resolver}, also for the errors. */
export function resolveSoa(name: string): Op<SoaRecord> {
  return system().resolveSoa(name)
}

/** Looks up the rewriting rules of a name, by the system's DNS servers. See {@link Resolver}, also for the errors. */
export function resolveNaptr(name: string): Op<NaptrRecord[]> {
  return system().resolveNaptr(name)
}

/** Looks up the certificate authorities of a name, by the system's DNS servers. See {@link Resolver}, also for the errors. */
export function resolveCaa(name: string): Op<CaaRecord[]> {
  return system().resolveCaa(name)
}

/**
 * Looks up all records that the server gives for a name, by the system's DNS servers. See {@link Resolver}, also for the
 * errors.
 */
export function resolveAny(name: string): Op<AnyRecord[]> {
  return system().resolveAny(name)
}
