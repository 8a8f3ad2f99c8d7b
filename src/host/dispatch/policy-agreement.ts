/**
 * Whether apps that have requests in common agree on which paths are the same, and on whom to believe where a request has
 * come from. What one of them guards is else reached in the other by another spelling. Their settings say so: nothing is
 * sent through them.
 */
import type { Server } from 'node:net'
import { inspect } from 'node:util'
import type { AppPolicy, HostPort, PathRule, PathTrait, TrustPolicy } from '../../adapters/port.js'
import { SynclessError } from '../../core/base/errors.js'
import { type Difference, pathExamples, pathTraits } from '../mounts/accepted-differences.js'
import type { Mount } from '../mounts/mount.js'
import type { MountTable } from '../mounts/mount-table.js'

/** An app among others, as it is compared: a mount, or what a server has of its own. */
export interface Party {
  /** Its name in messages. */
  readonly title: string
  readonly policies: Iterable<AppPolicy>
  readonly accepted: ReadonlySet<Difference>
}

/** The policies of a server that the host is attached to, or that calls it, as far as they are known. */
export function outside(policies: Iterable<AppPolicy>): Party {
  return { title: 'what the server itself has', policies, accepted: new Set() }
}

/** Returns whether two parties have accepted a difference: one of them has to name it. */
export function accepts(a: Party, b: Party, difference: Difference): boolean {
  return a.accepted.has(difference) || b.accepted.has(difference)
}

/**
 * Throws `PATH_MISMATCH` or `TRUST_MISMATCH` if an app disagrees with one to which it hands over, `others` included, which
 * get what no mount has anything for; of `only`, where one is given, the pairs that it is part of.
 */
export function assertAgreement(mounts: MountTable, others: readonly Party[], only?: Mount): void {
  for (const front of mounts)
    for (const back of successors(mounts, front, others)) {
      if (only !== undefined && front !== only && back !== only) continue
      assertTargets(front, back)
      assertPaths(front, back)
      assertTrust(front, back)
    }
}

/** Who may get what `front` has nothing for. */
function successors(mounts: MountTable, front: Mount, others: readonly Party[]): Party[] {
  if (front.handOverLimit === null || front.over) return []
  const next = mounts.after(front, front.path)
  const last = next.at(-1) ?? front
  return [...next.filter(({ over }) => !over), ...(last.handOverLimit === null ? [] : others)]
}

/**
 * The first two mounts, of those that hand over nothing to each other, that believe different things of one client: they
 * have the same proxies in front of them. It may be meant.
 */
export function differentTrust(mounts: MountTable, only?: Mount): SynclessError | undefined {
  const all = [...mounts].filter(({ over }) => !over)
  for (const [at, a] of all.entries())
    for (const b of all.slice(at + 1)) {
      if (only !== undefined && a !== only && b !== only) continue
      const message = trustDifference(a, b)
      if (message !== undefined) return trustMismatch(`${message}, and they have the same proxies in front of them`)
    }
  return undefined
}

/** Of such a path, the host cannot say that both have read it. */
function assertTargets(front: Party, back: Party): void {
  const [beyond] = [front, back].filter(({ policies }) => [...policies].some(({ beyondTarget }) => beyondTarget))
  if (beyond === undefined || accepts(front, back, 'spelling')) return
  throw new SynclessError(
    'PATH_MISMATCH',
    "leave out getPath, or accept the difference: mount one of the two with { accept: [ 'spelling' ] }: " +
      `${beyond.title} reads the path of a request from more than its target, such as a header or the host, and ` +
      `${front.title} hands over to ${back.title}. A client can bypass a guard that the first has at a path`,
  )
}

function assertPaths(front: Party, back: Party): void {
  const wrong = pathTraits.filter(trait => !accepts(front, back, trait) && mayPassBy(front, back, trait))
  if (wrong.length === 0) return
  const paths = wrong.map(trait => pathExamples[trait]).join(' and ')
  const ways = [
    ...wrong.flatMap(trait => remedy(front, back, trait)),
    `or accept the difference: mount one of the two with { accept: ${inspect(wrong)} }`,
  ]
  throw new SynclessError(
    'PATH_MISMATCH',
    `make ${front.title} and ${back.title} agree, ${ways.join('; ')}. The first hands over to the second, and they disagree ` +
      `on whether ${paths} are /admin: a client can bypass a guard that the first has at a path, and reach the second`,
  )
}

/**
 * Whether `back` takes some paths for the same that `front` may tell apart. What one of them says nothing of is not known.
 * The other way round is safe, but for semicolons: what is behind one is not there for whoever ends the path with it.
 */
function mayPassBy(front: Party, back: Party, trait: PathTrait): boolean {
  return pairs(front, back).some(([a, b]) => {
    const [narrow, wide] = [a.paths?.[trait]?.ignored, b.paths?.[trait]?.ignored]
    if (narrow === undefined || wide === undefined || narrow === wide) return false
    return trait === 'semicolon' || (narrow !== 'always' && wide !== 'never')
  })
}

function remedy(front: Party, back: Party, trait: PathTrait): string[] {
  const wider = rules(front, trait).every(({ ignored }) => ignored === 'always')
  const [first] = rules(front, trait).flatMap(rule => (wider ? rule.toTell : rule.toIgnore) ?? [])
  const [second] = rules(back, trait).flatMap(rule => (wider ? rule.toIgnore : rule.toTell) ?? [])
  const ways = [first && `in the first ${first}`, second && `in the second ${second}`].filter(way => way !== undefined)
  return ways.length === 0 ? [] : [`${trait}: ${ways.join(', or ')}`]
}

function rules(party: Party, trait: PathTrait): PathRule[] {
  return [...party.policies].flatMap(({ paths }) => paths?.[trait] ?? [])
}

function assertTrust(front: Party, back: Party): void {
  const message = trustDifference(front, back)
  if (message !== undefined) throw trustMismatch(`${message}, and the first hands over to the second`)
}

function trustDifference(a: Party, b: Party): string | undefined {
  if (accepts(a, b, 'trust-proxy')) return undefined
  for (const [{ trust: one }, { trust: other }] of pairs(a, b)) {
    if (one === undefined || other === undefined || sameTrust(one, other)) continue
    return `${a.title} believes the X-Forwarded headers of ${described(one)}, ${b.title} of ${described(other)}`
  }
  return undefined
}

function trustMismatch(what: string): SynclessError {
  return new SynclessError(
    'TRUST_MISMATCH',
    'give both apps the same list of proxies, or, if the difference is meant, mount one of them with { accept: ["trust-proxy"] }: ' +
      `${what}. The two can see different addresses, hosts and protocols for one client`,
  )
}

function sameTrust(a: TrustPolicy, b: TrustPolicy): boolean {
  if (!isSet(a) || !isSet(b)) return a === b
  return a.size === b.size && [...a].every(name => b.has(name))
}

function described(trust: TrustPolicy): string {
  if (typeof trust === 'boolean') return trust ? 'everybody' : 'nobody'
  if (typeof trust === 'number') return `${trust} proxies`
  return isSet(trust) ? [...trust].join(' and ') : 'the proxies that its own function names'
}

function isSet(trust: TrustPolicy): trust is ReadonlySet<string> {
  return typeof trust === 'object'
}

function pairs(a: Party, b: Party): [AppPolicy, AppPolicy][] {
  return [...a.policies].flatMap(one => [...b.policies].map((other): [AppPolicy, AppPolicy] => [one, other]))
}

/** The agreement of the apps of one host with each other, and with those of the servers that it is attached to. */
export class PolicyAgreement {
  readonly #mounts: MountTable
  readonly #ports: readonly HostPort[]
  readonly #servers: () => readonly Server[]
  readonly #report: (error: SynclessError) => void

  constructor(
    mounts: MountTable,
    ports: readonly HostPort[],
    servers: () => readonly Server[],
    report: (error: SynclessError) => void,
  ) {
    this.#mounts = mounts
    this.#ports = ports
    this.#servers = servers
    this.#report = report
  }

  /** Throws as {@link assertAgreement} does; reports apps that hand over nothing to each other and believe different proxies. */
  assert(only?: Mount): void {
    if (only === undefined) for (const mount of this.#mounts) mount.readPolicies()
    else only.readPolicies()
    assertAgreement(
      this.#mounts,
      this.#servers().map(server => this.outside(server)),
      only,
    )
  }

  reportTrust(only?: Mount): void {
    const difference = differentTrust(this.#mounts, only)
    if (difference !== undefined) this.#report(difference)
  }

  /** The listeners of a server, as far as the ports know them. */
  outside(server: Server): Party {
    const listeners = server.listeners('request')
    return outside(
      listeners.flatMap(listener => {
        const port = this.#ports.find(candidate => candidate.accepts(listener))
        return [...(port?.policies?.(listener, server) ?? [])]
      }),
    )
  }
}
