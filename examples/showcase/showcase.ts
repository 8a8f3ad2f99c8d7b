/** Puts the parts together: one host, one port, and channels between everything that runs there. */
import { fileURLToPath } from 'node:url'
import { Server } from 'socket.io'
import { Scope } from 'syncless'
import { createHost, type Host, taskletHandler } from 'syncless/host'
import { aggregateOrders, createAggregates } from './aggregates.js'
import { createExpressApp } from './express-app.js'
import { createFastifyApp } from './fastify-app.js'
import { createLargeFile, serveFile } from './large-file.js'
import { createOrders, validateOrders } from './orders.js'
import { Registry } from './registry.js'
import { serveTabs } from './tabs.js'
import { Trace } from './trace.js'

export interface Showcase {
  readonly host: Host
  readonly registry: Registry
  /** Ends the tasklets of the shop and removes the large file; to be called when the host has closed. */
  dispose(): Promise<void>
}

// The page is served from the sources: it has no build step.
const pageFolder = fileURLToPath(new URL('../../../examples/showcase/page/', import.meta.url))

export async function createShowcase(): Promise<Showcase> {
  const trace = new Trace()
  const registry = new Registry()
  const orders = createOrders()
  const aggregates = createAggregates()
  const file = await createLargeFile()
  let bytes = 0

  const shop = new Scope({ name: 'shop' })
  registry.add('shop', shop.go(validateOrders, orders, trace))
  registry.add('shop', shop.go(aggregateOrders, orders, aggregates, trace))

  const host = createHost()
  host.mount('/', createExpressApp(orders, trace, pageFolder))
  createFastifyApp(host, orders, trace)
  host.mount(
    '/file',
    taskletHandler(
      serveFile(file, registry, trace, count => {
        bytes += count
      }),
    ),
  )
  serveTabs(new Server(host.server('/socket.io')), { aggregates, registry, trace, bytes: () => bytes })

  return {
    host,
    registry,
    async dispose() {
      shop.cancel('the showcase is over')
      await shop.close()
      file.remove()
    },
  }
}
