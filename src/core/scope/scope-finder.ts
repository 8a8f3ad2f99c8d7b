/**
 * The scope that belongs to an object, such as a request. Who serves requests says how their scopes are found, so that an
 * adapter finds them without knowing who serves.
 */
import type { Scope, ScopeProvider } from './scope.js'

type Finder = (owner: object) => ScopeProvider | undefined
type Keeper = (owner: object, scope: Scope) => boolean

const finders: Finder[] = []
const keepers: Keeper[] = []

/** @internal Says how the scopes of some objects are found. */
export function addScopeFinder(find: Finder): void {
  finders.push(find)
}

/** @internal What gives the scope of `owner`, if somebody knows. */
export function scopeProviderOf(owner: object): ScopeProvider | undefined {
  for (const find of finders) {
    const provider = find(owner)
    if (provider !== undefined) return provider
  }
  return undefined
}

/** @internal Says who closes scopes that outlive an object, and bounds them; `keep` says whether it does. */
export function addScopeKeeper(keep: Keeper): void {
  keepers.push(keep)
}

/** @internal Closes a scope that outlives `owner`, or has that done by who serves it. */
export function keepScope(owner: object, scope: Scope): void {
  if (!keepers.some(keep => keep(owner, scope))) scope.close()
}
