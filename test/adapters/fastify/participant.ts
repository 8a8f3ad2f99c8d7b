import { fastify } from 'fastify'
import * as web from '../../../src/adapters/fastify/index.js'
import type { Item } from '../contract/participant.js'
import { type WebExchange, webParticipant } from '../web-participant.js'

async function serve(take: (exchange: WebExchange) => void) {
  const app = fastify()
  app.addContentTypeParser('application/x-ndjson', (_request, payload, done) => done(null, payload))
  app.all('/', (request, reply) => {
    take({
      req: request.raw,
      res: reply.raw,
      upload: capacity => web.toChannel<Item>(request, { format: 'ndjson', capacity }),
      answer: (receiver, event) => web.drainTo(receiver, reply, { format: 'sse', event }),
    })
  })
  await app.ready()
  return app.server
}

export const participant = webParticipant('fastify', web, serve, true)
