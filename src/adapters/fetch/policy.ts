import type { AppPolicy, PathRule } from '../port.js'

/** A function such as Hono has: it takes the path, by which a route is looked for, from a request. */
interface PathGetter {
  getPath(request: Request): unknown
}

/**
 * A URL has its dots resolved, whatever the app does with it. Hono says by a function of its own which paths it takes for
 * the same; it depends on nothing but the request.
 */
export function fetchPolicy(app: object): AppPolicy {
  const policy = { reading: 'URL' }
  if (!hasPathGetter(app)) return policy
  const path = (url: string) => app.getPath(new Request(`http://localhost${url}`))
  const rule = (url: string): PathRule => ({ ignored: path(url) === path('/x/a') ? 'always' : 'never' })
  const paths = {
    case: rule('/x/A'),
    'trailing-slash': {
      ...rule('/x/a/'),
      toIgnore: 'new Hono({ strict: false })',
      toTell: 'new Hono({ strict: true })',
    },
    'duplicate-slashes': rule('/x//a'),
    semicolon: rule('/x/a;b'),
    extension: rule('/x/a.b'),
  }
  return { ...policy, paths }
}

function hasPathGetter(app: object): app is PathGetter {
  return 'getPath' in app && typeof app.getPath === 'function' && 'router' in app
}
