/**
 * Request targets that two apps read as two paths, though no setting of theirs says so: a router that decodes what it
 * compares finds `/admin` for `/%61dmin`, another does not. Clients that mean no harm do not send them, so that they need
 * not be understood.
 */
import type { AppPolicy } from '../adapters/port.js'
import { accepts, type Party } from './agreement.js'
import type { Mount } from './mount.js'
import { authorityOf, strippedUrl } from './mount-path.js'

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
 * Whether a request that `front` has declined may reach other routes of `back` than those of the path that `front` has read.
 * `host` is the one that the `Host` header names: an absolute target that names another is two requests to two apps.
 */
export function isReadDifferently(target: string, host: string | undefined, front: Mount, back: Party): boolean {
  if (!front.hasApp || accepts(front, back, 'spelling')) return false
  const path = seenPath(target, front, back)
  const twoHosts = !sameHost(target, host)
  const lower = path !== null && LOWER_ESCAPE.test(path)
  const backs = policiesOf(back)
  return policiesOf(front).some(one =>
    backs.some(other => {
      if (overlooks(one, other, target)) return true
      if (one.reading === other.reading) return false
      // A URL has the host of the target; other apps go by the header.
      if (twoHosts && isUrl(one) !== isUrl(other)) return true
      return path === null || (lower && tellsEscapes(one, other))
    }),
  )
}

/** The same, of whatever stands in front of a host that is called as a handler. Most of it reads a path as it was sent. */
export function isReadDifferentlyFromOutside(target: string, mount: Mount): boolean {
  const { accepted, policies } = mount
  if (seenPath(target, mount) !== null || accepted.has('spelling')) return false
  return [...policies].some(({ reading }) => reading !== undefined)
}

function isUrl({ reading }: AppPolicy): boolean {
  return reading?.startsWith('URL') === true
}

function sameHost(target: string, host: string | undefined): boolean {
  const authority = authorityOf(target)
  return authority === undefined || host === undefined || authority.toLowerCase() === host.toLowerCase()
}

/** The path, if everybody reads the target alike, and what each of the two is shown of it. */
function seenPath(
  target: string,
  ...parties: (Party & { readonly strip?: boolean; readonly path?: string })[]
): string | null {
  for (const { strip, path } of parties) {
    if (strip === true && path !== undefined && plainPath(strippedUrl(target, path)) === null) return null
  }
  return plainPath(target)
}

/** The path of a target that everybody reads alike; null for any other. */
function plainPath(target: string): string | null {
  const query = target.indexOf('?')
  const whole = query < 0 ? target : target.slice(0, query)
  const path = whole.startsWith('/') ? whole : whole.replace(ABSOLUTE, '')
  if (!path.startsWith('/') || ILLEGAL.test(path) || UNUSUAL.test(path) || KELVIN.test(path)) return null
  return query >= 0 && RESTARTING.test(target) ? null : path
}

const unknown: readonly AppPolicy[] = [{}]

function policiesOf({ policies }: Party): readonly AppPolicy[] {
  const known = [...policies]
  return known.length > 0 ? known : unknown
}

/** `%c3` and `%C3` are the same to whoever decodes them, and to whoever ignores case. */
function tellsEscapes(...policies: AppPolicy[]): boolean {
  return policies.some(({ reading, paths }) => reading === undefined && (paths?.case?.ignored ?? 'always') !== 'always')
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
