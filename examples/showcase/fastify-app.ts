/** Fastify, made with the server of the host: it streams accepted orders to whoever asks, as NDJSON. */
import { type FastifyInstance, fastify } from 'fastify'
import type { Host } from 'syncless/host'
import * as stream from 'syncless/stream'
import type { Order } from './model.js'
import { describeOrder, type Orders } from './orders.js'
import type { Trace } from './trace.js'

export function createFastifyApp(host: Host, { accepted }: Orders, trace: Trace): FastifyInstance {
  const app = fastify({ serverFactory: host.serverFactory('/api') })
  // A feed never ends by itself: it is ended here when the host closes.
  app.addHook('preClose', done => {
    accepted.close()
    done()
  })
  // No HEAD: nobody would read what it subscribes to.
  app.get('/api/feed', { exposeHeadRoute: false }, (_request, reply) => {
    // A reader that stalls loses the oldest orders rather than holding up the shop.
    const orders = accepted.subscribe({ capacity: 256, overflow: 'drop-oldest', name: 'feed' })
    // The headers go out with the first order, unless we say that they shall not wait for it.
    reply.raw.once('pipe', () => reply.raw.flushHeaders())
    return reply.type('application/x-ndjson').send(
      stream.fromChannel(orders, {
        encode(order: Order) {
          trace.pass('tasklet', 'fastify', describeOrder(order))
          trace.pass('fastify', 'client', describeOrder(order))
          return stream.ndjson(order)
        },
      }),
    )
  })
  return app
}
