/** Every host port there is. Hosting another framework means one folder beside this file and one line here. */
export { connectHostPort } from './connect/host-port.js'
export { expressHostPort } from './express/host-port.js'
export { fastifyHostPort } from './fastify/host-port.js'
export { fetchHostPort } from './fetch/host-port.js'
export { koaHostPort } from './koa/host-port.js'
export { functionHostPort } from './node-http/host-port.js'
