/** What a Fastify instance says of paths and of proxies. */
import type { FastifyInstance } from 'fastify'
import type { AppPolicy, PathRule, PathTrait } from '../port.js'
import { trustPolicy } from '../shared/http/trust-proxy.js'

/** `options` are those that it was made with, where they are known; proxies are in no other place. */
export function fastifyPolicy(app: FastifyInstance, options: unknown): AppPolicy {
  const [major = 0, minor = 0, patch = 0] = app.version.split('.').map(Number)
  const config = field(app, 'initialConfig')
  // Where both are given, it goes by the inner ones.
  const router = { ...object(config), ...object(field(config, 'routerOptions')) }
  const rule = (name: string, ignoring: boolean): PathRule => ({
    ignored: router[name] === ignoring ? 'always' : 'never',
    toIgnore: setting(major, name, ignoring),
    toTell: setting(major, name, !ignoring),
  })
  const paths: Record<PathTrait, PathRule> = {
    case: rule('caseSensitive', false),
    'trailing-slash': rule('ignoreTrailingSlash', true),
    'duplicate-slashes': rule('ignoreDuplicateSlashes', true),
    semicolon: rule('useSemicolonDelimiter', true),
    extension: { ignored: 'never' },
  }
  // Later releases answer 414 by this, which they add to the options; before, no route matches.
  const answersLong = typeof field(field(options, 'routerOptions'), 'onMaxParamLength') === 'function'
  const longest = Number(router.maxParamLength ?? 100)
  const policy: AppPolicy = {
    reading: `Fastify ${major}`,
    paths,
    ...(answersLong ? null : { longestParameter: longest }),
  }
  if (options === undefined) return policy
  const trust = trustPolicy(field(options, 'trustProxy'))
  // From 5.12.1 on, a number of proxies is trusted as none is.
  const counts = major < 5 || (major === 5 && (minor < 12 || (minor === 12 && patch < 1)))
  return { ...policy, trust: typeof trust === 'number' && !counts ? false : trust }
}

function setting(major: number, name: string, value: boolean): string {
  return major < 5 ? `fastify({ ${name}: ${value} })` : `fastify({ routerOptions: { ${name}: ${value} } })`
}

function object(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? { ...value } : {}
}

function field(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null && key in value ? Reflect.get(value, key) : undefined
}
