/** RxJS: an observable of orders, aggregated by the second, and from there into a broadcast that pages subscribe to. */
import { bufferTime, map, tap } from 'rxjs'
import { type Broadcast, broadcast, type Co } from 'syncless'
import * as rx from 'syncless/rx'
import type { Aggregate, Order } from './model.js'
import { describeOrder, type Orders } from './orders.js'
import type { Trace } from './trace.js'

export function createAggregates(): Broadcast<Aggregate> {
  return broadcast<Aggregate>({ name: 'aggregates' })
}

/** The body of the tasklet that moves aggregates from the observable to the pages. */
export function* aggregateOrders({ accepted }: Orders, aggregates: Broadcast<Aggregate>, trace: Trace): Co<void> {
  const orders = accepted.subscribe({ capacity: 1024, overflow: 'drop-oldest', name: 'orders for rxjs' })
  const aggregate$ = rx.fromChannel(orders).pipe(
    tap(order => trace.pass('tasklet', 'rxjs', describeOrder(order))),
    bufferTime(1000),
    map(aggregateOf),
  )
  const latest = rx.toChannel(aggregate$, { capacity: 1, overflow: 'latest', name: 'aggregates from rxjs' })
  yield* latest.each(function* (aggregate) {
    trace.pass('rxjs', 'socket.io', `second ${aggregate.second}: ${aggregate.orders} orders`)
    yield* aggregates.publish(aggregate)
  })
  aggregates.close()
}

function aggregateOf(orders: readonly Order[], second: number): Aggregate {
  const quantities = new Map<string, number>()
  let revenue = 0
  for (const { product, quantity, price } of orders) {
    quantities.set(product, (quantities.get(product) ?? 0) + quantity)
    revenue += quantity * price
  }
  return { second, orders: orders.length, revenue, quantities: Object.fromEntries(quantities) }
}
