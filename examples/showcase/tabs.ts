/** Socket.IO: each page has a scope of its own, whose tasklets feed it, and which ends when the tab is closed. */

import type { Server, Socket } from 'socket.io'
import { type Broadcast, type Co, Scope, sleep } from 'syncless'
import type { Aggregate, ServerEvents, State } from './model.js'
import type { Registry } from './registry.js'
import type { Trace } from './trace.js'

type PageServer = Server<Record<string, never>, ServerEvents>
type Page = Socket<Record<string, never>, ServerEvents>

interface Sources {
  readonly aggregates: Broadcast<Aggregate>
  readonly registry: Registry
  readonly trace: Trace
  readonly bytes: () => number
}

export function serveTabs(io: PageServer, sources: Sources): void {
  let lastTab = 0
  io.on('connection', socket => {
    const tab = `tab ${++lastTab}`
    const scope = new Scope({ name: tab, onFailure: error => console.error(`${tab} failed:`, error) })
    sources.registry.add(tab, scope.go(sendAggregates, socket, sources))
    sources.registry.add(tab, scope.go(sendState, socket, tab, sources))
    io.emit('notice', `${tab} came: ${scope.size} tasklets work for it`)
    socket.on('disconnect', async reason => {
      const count = scope.size
      scope.cancel(reason)
      await scope.close()
      const notice = `${tab} left: ${count} tasklets ended`
      console.log(notice)
      io.emit('notice', notice)
    })
  })
}

function* sendAggregates(socket: Page, { aggregates, trace }: Sources): Co<void> {
  const latest = aggregates.subscribe({ capacity: 1, overflow: 'latest' })
  try {
    yield* latest.each(aggregate => {
      socket.emit('aggregate', aggregate)
      trace.pass('socket.io', 'client', `second ${aggregate.second}: ${aggregate.orders} orders`)
    })
  } finally {
    latest.cancel()
  }
}

function* sendState(socket: Page, tab: string, { registry, trace, bytes }: Sources): Co<void> {
  for (;;) {
    const state: State = { tab, passed: trace.snapshot(), tasklets: registry.snapshot(), bytes: bytes() }
    socket.volatile.emit('state', state)
    yield* sleep(250)
  }
}
