import type { IncomingMessage, ServerResponse } from 'node:http'

/** The responses of requests, which Fastify tells nobody who has the request alone. Only where the plugin is. */
export const responses = new WeakMap<IncomingMessage, ServerResponse>()

/**
 * The replies that a bridge answers, until that has gone well, with what it has failed with: of that Fastify is told, by the
 * stream that it sends.
 */
export const drained = new WeakMap<object, unknown>()
