/**
 * What Express's routers say of paths. The settings of an app are those of its own router alone, and only if they were
 * made before its first route; routers inside have options of their own. All of them say so in properties, which are read
 * and never written; a router without them goes by the defaults.
 */
import type { AppPolicy, PathRule } from '../../port.js'

interface Router {
  readonly caseSensitive?: unknown
  readonly strict?: unknown
  readonly stack: readonly unknown[]
}

/** Whether `value` is a router of Express: an app has one, and is none. */
export function isRouter(value: unknown): value is Router {
  return typeof value === 'function' && 'stack' in value && Array.isArray(value.stack) && 'caseSensitive' in value
}

/** `router` and the routers in it. Apps that are mounted as middleware hide theirs. */
export function routerPolicy(router: Router): AppPolicy {
  const routers = [...found(router, new Set())]
  const sensitive = routers.filter(({ caseSensitive }) => caseSensitive).length
  const strict = routers.some(router => router.strict)
  return {
    paths: {
      ...foreign,
      case: {
        ignored: sensitive === 0 ? 'always' : sensitive === routers.length ? 'never' : 'partly',
        toIgnore: 'leave out `caseSensitive` and "case sensitive routing"',
        toTell: 'app.enable("case sensitive routing") ahead of its routes, and express.Router({ caseSensitive: true })',
      },
      // What use() mounts gets both, however strict its router is.
      'trailing-slash': { ignored: strict ? 'partly' : 'always', toIgnore: 'leave out `strict` and "strict routing"' },
    },
  }
}

/** What no setting makes it ignore. */
const foreign = {
  'duplicate-slashes': { ignored: 'never' },
  semicolon: { ignored: 'never' },
  extension: { ignored: 'never' },
} satisfies Record<string, PathRule>

function* found(value: unknown, seen: Set<unknown>): Generator<Router> {
  if (!isRouter(value) || seen.has(value)) return
  seen.add(value)
  yield value
  for (const layer of value.stack) for (const handle of handlers(layer)) yield* found(handle, seen)
}

/** What a layer calls: a handler, or those of its route. */
function handlers(layer: unknown): unknown[] {
  if (typeof layer !== 'object' || layer === null || !('handle' in layer)) return []
  if (!('route' in layer) || typeof layer.route !== 'object' || layer.route === null) return [layer.handle]
  return 'stack' in layer.route && Array.isArray(layer.route.stack) ? layer.route.stack.flatMap(handlers) : []
}
