/** Every host port there is. Hosting another framework means one folder beside this file and one line here. */
import { connectHostPort } from './connect/host-port.js'
import { expressHostPort } from './express/host-port.js'
import { fastifyHostPort } from './fastify/host-port.js'
import { fetchHostPort } from './fetch/host-port.js'
import { koaHostPort } from './koa/host-port.js'
import { functionHostPort } from './node-http/host-port.js'
import type { HostPort } from './port.js'

export { type FetchBindings, type FetchFunction, fetchHandler } from './fetch/fetch-handler.js'

export const hostPorts: readonly HostPort[] = [
  expressHostPort,
  fastifyHostPort,
  connectHostPort,
  koaHostPort,
  fetchHostPort,
  functionHostPort,
]
