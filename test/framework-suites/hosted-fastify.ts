/**
 * Fastify's factory, for its own tests: each instance is made with the server of a host of its own, which listens where and
 * when the instance does. What has a server of its own already, HTTPS or HTTP/2, stays as it is.
 */
import type { RequestListener, Server } from 'node:http'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { createHost, type HostOptions } from 'syncless/host'
import type { Alteration } from './hosted-server.js'
import { serverOf } from './hosted-server.js'
import { root } from './unpack.js'

type Options = Record<string, unknown>
type Factory = (options?: Options) => unknown

const require = createRequire(join(root, 'package.json'))

/** From now on whoever requires `framework` gets that factory. */
export function hostFastify(framework: string, alter: Alteration = app => app): void {
  const file = require.resolve(framework)
  const fastify = require(file) as Factory
  const hosted: Factory = options => fastify(ownsServer(options) ? options : { ...options, ...server(alter) })
  for (const [name, value] of Object.entries(fastify)) {
    Object.assign(hosted, { [name]: value === fastify ? hosted : value })
  }
  require.cache[file]!.exports = hosted
}

function ownsServer(options: unknown): boolean {
  if (typeof options !== 'object' || options === null) return options !== undefined
  return ['serverFactory', 'https', 'http2'].some(name => Boolean((options as Options)[name]))
}

function server(alter: Alteration): Options {
  return {
    serverFactory(handler: RequestListener, options: Options): Server {
      const host = createHost({ http: limits(options) })
      return serverOf(host, host.serverFactory('/')(alter(handler), options))
    },
  }
}

/** Limits of connections are the host's; these are what Fastify tells a server that it makes itself. */
function limits({ http, keepAliveTimeout, requestTimeout, connectionTimeout, maxRequestsPerSocket }: Options) {
  const given = { keepAliveTimeout, requestTimeout, timeout: connectionTimeout, maxRequestsPerSocket }
  return { ...(http as object), ...given } as NonNullable<HostOptions['http']>
}
