import type { AppPolicy, PathRule } from '../port.js'

/** A function such as Hono has: it takes the path, by which a route is looked for, from a request. */
interface PathGetter {
  getPath(request: Request): unknown
}

/** Paths that some apps decode, normalise or compare in another way than others. */
const PROBES = [
  '/%61',
  '/%41',
  '/a%2Fb',
  '/a%2fb',
  '/%c3%a9',
  '/%E0',
  '/a%',
  '//a',
  '/a//b',
  '/a/%2e%2e/b',
  '/%25',
  '/a+b',
  '/a?b',
]

/** The readings of functions, of other objects, and of classes: each its own. */
const readings = new WeakMap<object, string>()
let count = 0

/**
 * How a fetch app reads its path. All of them get a URL, which has its dots resolved; then some decode it. An app of a class, such
 * as h3's, reads as others of that class do. Of a function nobody knows: it reads as nobody else.
 */
export function readingOf(app: object): string {
  const { constructor: kind } = app
  const reader = typeof app !== 'function' && typeof kind === 'function' && kind !== Object ? kind : app
  const known = readings.get(reader) ?? `URL, as read by ${kind.name} ${++count}`
  readings.set(reader, known)
  return known
}

/**
 * Hono says by a function of its own how it reads a path, and which paths it takes for the same; it depends on nothing but the
 * request. So its reading is what that function makes of some paths.
 */
export function fetchPolicy(app: object): AppPolicy {
  if (!hasPathGetter(app)) return { reading: readingOf(app) }
  const path = (url: string) => app.getPath(new Request(`http://localhost${url}`))
  const policy = { reading: `URL, decoded as ${PROBES.map(path).join(' ')}` }
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
