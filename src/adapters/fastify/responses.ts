import type { IncomingMessage, ServerResponse } from 'node:http'

/** The responses of requests, which Fastify tells nobody who has the request alone. Only where the plugin is. */
export const responses = new WeakMap<IncomingMessage, ServerResponse>()

/** The replies that a bridge answers: an error after that is no longer the error handler's to show. */
export const drained = new WeakSet<object>()
