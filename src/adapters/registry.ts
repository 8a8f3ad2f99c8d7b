/** Every host port there is. Hosting another framework means one folder beside this file and one line here. */
import { expressHostPort } from './express/host-port.js'
import { fastifyHostPort } from './fastify/host-port.js'
import { functionHostPort } from './node-http/host-port.js'
import type { HostPort } from './port.js'

export const hostPorts: readonly HostPort[] = [expressHostPort, fastifyHostPort, functionHostPort]
