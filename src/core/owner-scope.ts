/**
 * The scope that belongs to an object, such as a request. Who serves requests says how their scopes are found, so that an
 * adapter finds them without knowing who serves.
 */
import type { ScopeProvider } from './scope.js'

type Finder = (owner: object) => ScopeProvider | undefined

const finders: Finder[] = []

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
