/**
 * Request targets that two apps read as two paths, though no setting of theirs says so: a router that decodes what it
 * compares finds `/admin` for `/%61dmin`, another does not. Clients that mean no harm do not send them, so that they need
 * not be understood.
 */
import type { IncomingMessage } from 'node:http'
import { type AppPolicy, UNKNOWN } from '../../adapters/port.js'
import { SynclessError } from '../../core/base/errors.js'
import type { Difference } from '../mounts/accepted-differences.js'
import type { Mount } from '../mounts/mount.js'
import { owns, strippedUrl } from '../mounts/mount-path.js'
import { askedPath, authorityOf, originForm } from '../transport/request-target.js'
import { accepts, type Party } from './policy-agreement.js'

/** What RFC 3986 would have a client write otherwise: escapes of unreserved characters, and segments of dots. */
const UNUSUAL = /%(?:2[DE]|3\d|4[1-9A-F]|5[\dAF]|6[1-9A-F]|7[\dAE])|\/\.{1,2}(?:\/|$)/i
/** What no path has: raw, clients escape it; beyond ASCII they do so by a rule of their own. */
const ILLEGAL = /[^\x21-\x7e]|["#<>\\`{}]/
/** The only letter beyond ASCII that is another's lower case: the sign of Kelvin, k. */
const KELVIN = /%E2%84%AA/i
/** Parsers of URLs start anew at these, in the query too, and escape what they did not. */
const RESTARTING = /[#\s]/
/** Targets with a host in them are legal; what each parser escapes in them is not the same. */
const ABSOLUTE = /^https?:\/\/[\w.:[\]-]+(?=\/[\w.~!$&()*+,;=:@%/-]*$)/
const LOWER_ESCAPE = /%(?:[a-f][\dA-Fa-f]|\d[a-f])/

/**
 * What a function may decode before it looks for the path, although no router does: the end of a segment or of a path, what parsers of
 * URLs leave out, and escapes that are decoded twice.
 */
const DECODED = /%(?:[01][\dA-F]|2[3F]|25[\dA-F]{2}|3F|5C|7F)|%20$/i

/**
 * Whether a request that `front` has declined may reach other routes of `back` than those of the path that `front` has read.
 * `host` is the one that the `Host` header names: an absolute target that names another is two requests to two apps.
 */
export function isReadDifferently(target: string, host: string | undefined, front: Mount, back: Party): boolean {
  if (!front.hasApp || accepts(front, back, 'spelling')) return false
  const twoHosts = !sameHost(target, host)
  const backs = policiesOf(back)
  return policiesOf(front).some(one =>
    backs.some(other => {
      const [first, second] = [shownTo(one, front, target), shownTo(other, back, target)]
      if (overlooks(one, other, target)) return true
      if (twoHosts && !goBySameHost(one, first, other, second)) return true
      // Parsers of URLs resolve the dots of what they are shown.
      if (first === second && alike(one, other)) return false
      return differs(first, one, other) || (first !== second && differs(second, one, other))
    }),
  )
}

/** The same, of whatever stands in front of a host that is called as a handler. Most of it reads a path as it was sent. */
export function isReadDifferentlyFromOutside(target: string, mount: Mount): boolean {
  if (mount.accepted.has('spelling')) return false
  return policiesOf(mount).some(policy => {
    if (policy.reading === undefined && policy.strips === undefined && !mount.strip) return false
    return differs(target, policy) || differs(shownTo(policy, mount, target), policy)
  })
}

function alike(one: AppPolicy, other: AppPolicy): boolean {
  return one.reading === other.reading && !isUnknown(one)
}

function isUnknown({ reading }: AppPolicy): boolean {
  return reading === UNKNOWN
}

/** Whether apps that read in several ways may take a target for several paths. */
function differs(target: string, ...policies: AppPolicy[]): boolean {
  const path = plainPath(target)
  if (path === null) return true
  if (LOWER_ESCAPE.test(path) && tellsEscapes(policies)) return true
  // A function may look for its path at the start of any target. In a reference to a URL, two slashes stand in front of a host.
  return policies.some(isUnknown) && (!target.startsWith('/') || path.startsWith('//') || DECODED.test(path))
}

/** The target that an app gets, of which mounts have taken their paths off. */
function shownTo({ strips = [] }: AppPolicy, { strip, path }: Party & Shown, target: string): string {
  const first = strip === true && path !== undefined ? [path] : []
  return [...first, ...strips].reduce((url, off) => (owns(off, originForm(url)) ? strippedUrl(url, off) : url), target)
}

interface Shown {
  readonly strip?: boolean
  readonly path?: string
}

function goBySameHost(one: AppPolicy, first: string, other: AppPolicy, second: string): boolean {
  if (isUnknown(one) || isUnknown(other)) return false
  return goesByTarget(one, first) === goesByTarget(other, second)
}

/** A URL has the host of the target; other apps go by the header. */
function goesByTarget({ reading }: AppPolicy, target: string): boolean {
  return reading?.startsWith('URL') === true && authorityOf(target) !== undefined
}

function sameHost(target: string, host: string | undefined): boolean {
  const authority = authorityOf(target)
  return authority === undefined || host === undefined || authority.toLowerCase() === host.toLowerCase()
}

/** Two apps that may take a request for two paths, and what to accept if that is meant. */
export interface Ambiguity {
  readonly front: Party
  readonly back: Party
  readonly differences?: readonly Difference[]
}

export function ambiguous(req: IncomingMessage, { front, back, differences = ['spelling'] }: Ambiguity): SynclessError {
  return new SynclessError(
    'AMBIGUOUS_PATH',
    `send the path plainly, or mount one of the two apps with { accept: ${JSON.stringify(differences)} }: ${front.title} and ` +
      `${back.title} read ${req.method} ${askedPath(req)} as different paths, so the request could bypass a guard`,
  )
}

/** The path of a target that everybody reads alike; null for any other. */
export function plainPath(target: string): string | null {
  const query = target.indexOf('?')
  const whole = query < 0 ? target : target.slice(0, query)
  const path = whole.startsWith('/') ? whole : whole.replace(ABSOLUTE, '')
  if (!path.startsWith('/') || ILLEGAL.test(path) || UNUSUAL.test(path) || KELVIN.test(path)) return null
  return query >= 0 && RESTARTING.test(target) ? null : path
}

const unknown: readonly AppPolicy[] = [{ reading: UNKNOWN }]

/** What is known of an app: of one that says nothing, that its reading is not. */
export function policiesOf({ policies }: Party): readonly AppPolicy[] {
  const known = [...policies]
  return known.length > 0 ? known : unknown
}

/** `%c3` and `%C3` are the same to whoever decodes them, and to whoever ignores case. */
function tellsEscapes(policies: readonly AppPolicy[]): boolean {
  return policies.some(
    ({ reading, paths }) =>
      reading === UNKNOWN || (reading === undefined && (paths?.case?.ignored ?? 'always') !== 'always'),
  )
}

/** Whether `front` may have no route for a parameter that is not too long for `back`. */
function overlooks({ longestParameter: bound }: AppPolicy, back: AppPolicy, target: string): boolean {
  if (bound === undefined || target.length <= bound || (back.longestParameter ?? Number.POSITIVE_INFINITY) <= bound)
    return false
  const [path = ''] = target.split('?', 1)
  return path.split('/').some(segment => segment.length > bound && decodedLength(segment) > bound)
}

function decodedLength(segment: string): number {
  try {
    return decodeURIComponent(segment).length
  } catch {
    return segment.length
  }
}
