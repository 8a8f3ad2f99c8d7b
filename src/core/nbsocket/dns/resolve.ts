/** The DNS, as the servers of the system know it: one resolver that all share. */
import type { AnyRecord, CaaRecord, MxRecord, NaptrRecord, SoaRecord, SrvRecord } from 'node:dns'
import type { Op } from '../../loop/op.js'
import { type Resolver, resolver } from './resolver.js'

let systemResolver: Resolver | null = null

/** The one of the system's servers, made when it is first needed. */
function system(): Resolver {
  systemResolver ??= resolver()
  return systemResolver
}

/** The IPv4 addresses of a name, by the system's DNS servers. See {@link Resolver}, also for the errors. */
export function resolve4(name: string): Op<string[]> {
  return system().resolve4(name)
}

/** The IPv6 addresses of a name, by the system's DNS servers. See {@link Resolver}, also for the errors. */
export function resolve6(name: string): Op<string[]> {
  return system().resolve6(name)
}

/** The mail servers of a name, by the system's DNS servers. See {@link Resolver}, also for the errors. */
export function resolveMx(name: string): Op<MxRecord[]> {
  return system().resolveMx(name)
}

/** The texts of a name, by the system's DNS servers. See {@link Resolver}, also for the errors. */
export function resolveTxt(name: string): Op<string[][]> {
  return system().resolveTxt(name)
}

/** The places of a service of a name, by the system's DNS servers. See {@link Resolver}, also for the errors. */
export function resolveSrv(name: string): Op<SrvRecord[]> {
  return system().resolveSrv(name)
}

/** The pointers of a name, by the system's DNS servers. See {@link Resolver}, also for the errors. */
export function resolvePtr(name: string): Op<string[]> {
  return system().resolvePtr(name)
}

/** The name servers of a name, by the system's DNS servers. See {@link Resolver}, also for the errors. */
export function resolveNs(name: string): Op<string[]> {
  return system().resolveNs(name)
}

/** The canonical name of a name, by the system's DNS servers. See {@link Resolver}, also for the errors. */
export function resolveCname(name: string): Op<string[]> {
  return system().resolveCname(name)
}

/** The start of the zone of a name, by the system's DNS servers. See {@link Resolver}, also for the errors. */
export function resolveSoa(name: string): Op<SoaRecord> {
  return system().resolveSoa(name)
}

/** The rewriting rules of a name, by the system's DNS servers. See {@link Resolver}, also for the errors. */
export function resolveNaptr(name: string): Op<NaptrRecord[]> {
  return system().resolveNaptr(name)
}

/** The certificate authorities of a name, by the system's DNS servers. See {@link Resolver}, also for the errors. */
export function resolveCaa(name: string): Op<CaaRecord[]> {
  return system().resolveCaa(name)
}

/** Whatever the server tells of a name, by the system's DNS servers. See {@link Resolver}, also for the errors. */
export function resolveAny(name: string): Op<AnyRecord[]> {
  return system().resolveAny(name)
}
