/** Plain functions of Node's own shape: `(req, res)` and `(req, res, next)`, sync or async; routers of Express too. */
import type { RequestListener } from 'node:http'
import { type AppPolicy, type HostPort, type MountedApp, UNKNOWN } from '../port.js'
import { isRouter, routerPolicy } from '../shared/http/router-policy.js'

type Middleware = (...args: [...Parameters<RequestListener>, next: (error?: unknown) => void]) => unknown

// Functions that are something more specific: an Express app carries `settings`, a fetch app `fetch`, a Connect app the
// text `route`, the handler of a host its `host` and `upgrade`; calling a generator function runs none of it, so the request would hang.
function isMiddleware(app: unknown): app is Middleware {
  return (
    typeof app === 'function' &&
    !('settings' in app) &&
    !('fetch' in app) &&
    !('host' in app && 'upgrade' in app) &&
    !('route' in app && typeof app.route === 'string') &&
    !Object.prototype.toString.call(app).endsWith('GeneratorFunction]') &&
    !/^class[\s{]/.test(Function.prototype.toString.call(app))
  )
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}

/** What a function of the user's own makes of a path, nobody can know. */
function policies(app: unknown): AppPolicy[] {
  if (isRouter(app)) return [routerPolicy(app)]
  return [{ reading: UNKNOWN }]
}

/**
 * Whether a third parameter is `next`, as far as a function shows it. Node calls its listeners with two arguments, so that
 * some have a third of their own: the `handler` of Polka, which is bound, takes the parsed URL there.
 */
function takesNext(app: Middleware): boolean {
  if (app.length !== 3) return true
  if (app.name === 'bound handler') return false
  const name = /^[^(]*\(\s*[^,()]+,\s*[^,()]+,\s*([\w$]+)/.exec(Function.prototype.toString.call(app))?.[1]
  return name === undefined || !OTHER_NAMES.test(name)
}

const OTHER_NAMES = /^(url|parsed\w*|info|ctx|context|opts|options|params|query|head|body|env|bindings)$/i

export const functionHostPort: HostPort = {
  name: '(req, res, next) function',
  accepts: isMiddleware,
  policies,
  open(app): MountedApp {
    if (!isMiddleware(app)) throw new TypeError('not a (req, res, next) function')
    const passesNext = takesNext(app)
    return {
      handle(req, res, next) {
        try {
          const result = passesNext ? app(req, res, next) : Reflect.apply(app, undefined, [req, res])
          if (isThenable(result)) {
            result.then(undefined, error => next(error ?? new Error('the handler rejected without a reason')))
          }
        } catch (error) {
          next(error ?? new Error('the handler threw undefined'))
        }
      },
    }
  },
}
