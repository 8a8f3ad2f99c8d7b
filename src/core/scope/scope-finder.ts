/**
 * The scope that belongs to an object, such as a request. The server of requests says how their scopes are found, so
 * that an adapter finds them without knowing the server.
 */
import type { Scope, ScopeProvider } from './scope.js'

type Finder = (owner: object) => ScopeProvider | undefined
type Keeper = (owner: object, scope: Scope) => boolean

const finders: Finder[] = []
const keepers: Keeper[] = []

/** @internal Adds a way to find the scopes of some objects. */
export function addScopeFinder(find: Finder): void {
  finders.push(find)
}

/** @internal Returns the provider of the scope of `owner`, if a finder knows it. */
export function scopeProviderOf(owner: object): ScopeProvider | undefined {
  for (const find of finders) {
    const provider = find(owner)
    if (provider !== undefined) return provider
  }
  return undefined
}

/**
 * @internal Adds a keeper, which closes scopes that outlive an object, and bounds them. `keep` returns whether it does
 * so.
 */
export function addScopeKeeper(keep: Keeper): void {
  keepers.push(keep)
}

/** @internal Closes a scope that outlives `owner`, or lets the server of `owner` do it. */
export function keepScope(owner: object, scope: Scope): void {
  if (!keepers.some(keep => keep(owner, scope))) scope.close()
}
