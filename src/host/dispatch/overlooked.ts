/**
 * Mounts that a request passes by, although the app that serves it takes its path for one of theirs. The host compares mount
 * paths as they are sent. So a guard at `/admin` would not see `/ADMIN`, which an Express app at `/` takes for the same.
 */
import { type AppPolicy, UNKNOWN } from '../../adapters/port.js'
import type { Difference } from '../mounts/accepted-differences.js'
import type { Mount } from '../mounts/mount.js'
import { owns } from '../mounts/mount-path.js'
import type { MountTable } from '../mounts/mount-table.js'
import { originForm } from '../transport/request-target.js'
import { type Ambiguity, plainPath, policiesOf } from './ambiguous-path.js'
import { accepts, outside, type Party } from './policy-agreement.js'

/** The caller of a host, which gets the requests that no mount owns. It cannot be asked; in most cases it is an Express app. */
export const unseen: Party = {
  ...outside([
    {
      reading: UNKNOWN,
      paths: {
        case: { ignored: 'partly' },
        'duplicate-slashes': { ignored: 'partly' },
        semicolon: { ignored: 'partly' },
        extension: { ignored: 'partly' },
      },
    },
  ]),
  title: 'what the host is called by',
}

/**
 * Whether a request that `owner` gets first should have gone to another mount before. `others` get what the last mount hands over,
 * and what no mount owns.
 */
export function overlooked(
  mounts: MountTable,
  target: string,
  owner: Mount | undefined,
  others: () => readonly Party[],
): Ambiguity | undefined {
  if (mounts.guards.length === 0 || target === '*') return undefined
  const url = originForm(target)
  for (const front of mounts.guards) {
    if (front.over || !front.hasApp || owns(front.path, url) || !isNear(front, target)) continue
    for (const back of takers(mounts, front, owner, target, others)) {
      const differences = differencesFor(front, back, target)
      if (differences !== undefined) return { front, back, differences }
    }
  }
  return undefined
}

/** Nothing that anybody could decode, or leave out. */
const SIMPLE = /^(?:\/[\w~-]+)*\/?(?:\?|$)/

/** Whether anybody could take the target for a path of `front`: of most it is plain that nobody does. */
function isNear(front: Mount, target: string): boolean {
  const forms = SIMPLE.test(target) ? [sentPath(target)] : spellings(target)
  return isUnclear(target) || forms.some(form => owns(folded(front.path, folds), folded(form, folds)))
}

/** Parsers disagree on where the path of such a target begins. */
function isUnclear(target: string): boolean {
  return !target.startsWith('/') && plainPath(target) === null
}

/** Who gets the request, of those to which `front` would hand it over. */
function takers(
  mounts: MountTable,
  front: Mount,
  owner: Mount | undefined,
  target: string,
  others: () => readonly Party[],
): Party[] {
  const chain = owner === undefined ? [] : [owner, ...mounts.after(owner, target)]
  const behind = mounts.after(front, front.path)
  const last = chain.at(-1)
  const leaves = last === undefined || last.handOverLimit !== null
  return [...chain.filter(mount => behind.includes(mount)), ...(leaves ? others() : [])]
}

type Fold = (path: string) => string

const folds: [Difference, Fold][] = [
  ['case', path => path.toLowerCase()],
  ['duplicate-slashes', path => path.replace(/\/{2,}/g, '/')],
  ['semicolon', path => path.replace(/;.*/s, '')],
  ['extension', path => path.replaceAll('.', '/')],
]

/** In what `back` takes the target for a path of `front`; undefined if it does not. */
function differencesFor(front: Mount, back: Party, target: string): Difference[] | undefined {
  for (const policy of policiesOf(back)) {
    const active = folds.filter(([name]) => isFolded(front, back, policy, name))
    const spells = !accepts(front, back, 'spelling')
    const forms = spells && !isReadAsSent(policy, target) ? spellings(target) : [sentPath(target)]
    if (spells && isUnclear(target)) return ['spelling']
    const matches = (...fold: [Difference, Fold][]) =>
      forms.some(form => owns(folded(front.path, fold), folded(form, fold)))
    if (matches()) return ['spelling']
    const sole = active.find(one => matches(one))
    if (sole !== undefined) return [sole[0]]
    if (matches(...active))
      return [...(forms.length > 1 ? (['spelling'] as const) : []), ...active.map(([name]) => name)]
  }
  return undefined
}

/** Express and Connect have most paths as they were sent. Those with a `#` or a blank they parse as URLs, in which `\\` is a slash. */
function isReadAsSent({ reading }: AppPolicy, target: string): boolean {
  return reading === undefined && !/[#\s]/.test(target)
}

function isFolded(front: Mount, back: Party, { paths = {} }: AppPolicy, name: Difference): boolean {
  if (name === 'spelling' || name === 'trust-proxy' || accepts(front, back, name)) return false
  return (paths[name]?.ignored ?? 'never') !== 'never'
}

function folded(path: string, by: readonly [Difference, Fold][]): string {
  return by.reduce((so, [, fold]) => fold(so), path)
}

function sentPath(target: string): string {
  return originForm(target).replace(/[?#].*/s, '')
}

/** How often an escape may be one of an escape, and still be decoded by somebody. */
const DECODINGS = 3

/** Every path that some app may read in a target. */
function spellings(target: string): string[] {
  const decoded = [sentPath(target)]
  for (const path of decoded) if (path.includes('%') && decoded.length <= DECODINGS) decoded.push(decode(path))
  // An escaped slash is one to some, and a segment's to others.
  const slashed = decoded.map(path => path.replaceAll('\\', '/'))
  return [...new Set([...decoded, ...slashed, ...slashed.map(parsed).flatMap(resolvedPaths)])]
}

/** Without that which parsers of URLs leave out, or what may end a path once it is decoded. */
function parsed(path: string): string {
  const text = path.replace(/[?#].*/s, '').replace(/[\t\r\n]/g, '')
  let end = text.length
  while (end > 0 && text.charCodeAt(end - 1) <= 32) end--
  return text.slice(0, end)
}

function decode(path: string): string {
  return path.replace(/(?:%[\da-f]{2})+/gi, escapes => {
    try {
      return decodeURIComponent(escapes)
    } catch {
      return escapes.replace(/%[0-7][\da-f]/gi, decodeURIComponent)
    }
  })
}

/** Without segments of dots; and as a reference to a URL, in which two slashes stand in front of a host. */
function resolvedPaths(path: string): string[] {
  const resolved = withoutDots(path)
  return [resolved, ...[path, resolved].map(each => withoutDots(each.replace(/^\/{2,}[^/]*/, '')))]
}

function withoutDots(path: string): string {
  const segments: string[] = []
  for (const segment of path.split('/').slice(1)) {
    if (segment === '..') segments.pop()
    else if (segment !== '.') segments.push(segment)
  }
  return `/${segments.join('/')}`
}
