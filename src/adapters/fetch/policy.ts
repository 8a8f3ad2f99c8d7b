import { type AppPolicy, type PathRule, UNKNOWN } from '../port.js'

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

/**
 * Hono says by a function of its own how it reads a path, and which paths it takes for the same: its reading is what that function
 * makes of some paths. Of another app nobody knows how it reads, nor whether two apps of one class are configured alike.
 */
export function fetchPolicy(app: object): AppPolicy {
  if (!hasPathGetter(app)) return { reading: UNKNOWN }
  try {
    return getterPolicy(app)
  } catch {
    // It needs what only a real request has.
    return { reading: UNKNOWN, beyondTarget: true }
  }
}

function getterPolicy(app: PathGetter): AppPolicy {
  let beyondTarget = false
  const pathAt = (url: string) => {
    const request = new Request(url)
    const watched = new Proxy(request, {
      get(_request, key) {
        beyondTarget ||= key !== 'url'
        return Reflect.get(request, key, request)
      },
    })
    return app.getPath(watched)
  }
  const path = (url: string) => pathAt(`http://localhost${url}`)
  const rule = (url: string): PathRule => ({ ignored: path(url) === path('/x/a') ? 'always' : 'never' })
  const reading = `URL, decoded as ${PROBES.map(path).join(' ')}`
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
  beyondTarget ||= pathAt('https://other:81/x/a') !== path('/x/a')
  return beyondTarget ? { reading: UNKNOWN, beyondTarget } : { reading, paths }
}

function hasPathGetter(app: object): app is PathGetter {
  return 'getPath' in app && typeof app.getPath === 'function' && 'router' in app
}
