/** The differences that a mount accepts between its app and the apps before and after it in a hand-over. */
import type { PathTrait } from '../../adapters/port.js'
import { invalid } from '../../core/base/arguments.js'

/**
 * The name of a difference between two apps: a trait of paths, other spellings of a path (`/%61dmin`), or whose word
 * they trust about the client.
 */
export type Difference = PathTrait | 'spelling' | 'trust-proxy'

/** The traits of paths in which apps may differ. The value is an example that differs from `/admin` in that trait. */
export const pathExamples: Record<PathTrait, string> = {
  case: '/Admin',
  'trailing-slash': '/admin/',
  'duplicate-slashes': '//admin',
  semicolon: '/admin;x',
  extension: '/admin.x',
}

export const pathTraits = Object.keys(pathExamples).filter((name): name is PathTrait => name in pathExamples)

const differences: ReadonlySet<unknown> = new Set<Difference>([...pathTraits, 'spelling', 'trust-proxy'])

/** Throws `INVALID_ARGUMENT`. */
export function acceptedDifferences(accept: unknown = []): ReadonlySet<Difference> {
  if (isDifferences(accept)) return new Set(accept)
  throw invalid('accept', `a list of ${[...differences].join(', ')}`, accept)
}

function isDifferences(value: unknown): value is readonly Difference[] {
  return Array.isArray(value) && value.every(name => differences.has(name))
}
