/** The core of the showcase: a channel of incoming orders, a tasklet that validates them, a broadcast of good ones. */
import { type Broadcast, broadcast, type Channel, type Co, channel, type Sender } from 'syncless'
import type { Order, Verdict } from './model.js'
import type { Trace } from './trace.js'

/** An order on its way to the validator, with the channel on which the answer is awaited. */
export interface Incoming {
  readonly body: unknown
  readonly verdict: Sender<Verdict>
}

export interface Orders {
  readonly incoming: Channel<Incoming>
  readonly accepted: Broadcast<Order>
}

export function createOrders(): Orders {
  return { incoming: channel<Incoming>(0, { name: 'incoming' }), accepted: broadcast<Order>({ name: 'accepted' }) }
}

/** The body of the validator tasklet: takes each order, answers it, and passes a good one on to all who listen. */
export function* validateOrders({ incoming, accepted }: Orders, trace: Trace): Co<void> {
  let lastId = 0
  for (let step = yield* incoming.next(); !step.done; step = yield* incoming.next()) {
    const { body, verdict } = step.value
    const answer = judge(body, lastId + 1)
    if (answer.ok) {
      lastId = answer.order.id
      yield* accepted.publish(answer.order)
    }
    trace.pass('express', 'tasklet', answer.ok ? describeOrder(answer.order) : answer.problem)
    yield* verdict.send(answer)
  }
  accepted.close()
}

export function describeOrder({ id, quantity, product }: Order): string {
  return `#${id}: ${quantity} x ${product}`
}

function judge(body: unknown, id: number): Verdict {
  if (typeof body !== 'object' || body === null) return { ok: false, problem: 'an order is a JSON object' }
  const { product, quantity, price } = body as Partial<Record<string, unknown>>
  if (typeof product !== 'string' || product === '' || product.length > 40) {
    return { ok: false, problem: 'product: give a name of 1 to 40 characters' }
  }
  if (!isCount(quantity)) return { ok: false, problem: 'quantity: give a whole number from 1 to 1000000' }
  if (!isCount(price)) return { ok: false, problem: 'price: give whole cents from 1 to 1000000' }
  return { ok: true, order: { id, product, quantity, price } }
}

function isCount(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) >= 1 && Number(value) <= 1_000_000
}
