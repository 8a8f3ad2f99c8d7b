/** What the compiler knows of events. Nothing here runs; `npx tsc -p tsconfig.json --noEmit` is the test. */
import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import * as emitter from '../../src/adapters/emitter/index.js'
import * as eventTarget from '../../src/adapters/event-target/index.js'
import type { FlowPort } from '../../src/adapters/port.js'
import { channel, type Receiver } from '../../src/core/index.js'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
function same<_A, _B>(..._proof: Equal<_A, _B> extends true ? [] : ['the types differ']): void {}

interface Events {
  order: [id: number, at: Date]
  closed: []
}
class Shop extends EventEmitter<Events> {}
declare const bus: EventEmitter<Events>
declare const shop: Shop
declare const socket: Socket
const keep = { capacity: 1, overflow: 'error' } as const

export const ports: FlowPort[] = [emitter, eventTarget]

// The map of an emitter says which events there are, and what they carry.
const ids = emitter.toChannel(bus, 'order', keep)
same<typeof ids, Receiver<number>>()
const dates = emitter.toChannel(bus, 'order', { ...keep, end: 'closed', map: ([, at]) => at })
same<typeof dates, Receiver<Date>>()
const named = emitter.toChannel(bus, ['order', 'closed'], { ...keep, map: (_args, event) => event })
same<typeof named, Receiver<'order' | 'closed'>>()
// @ts-expect-error there is no such event
emitter.toChannel<never>(bus, 5, keep)
// @ts-expect-error the value is a number
export const wrong: Receiver<string> = emitter.toChannel(bus, 'order', keep)
// @ts-expect-error a source that cannot wait needs a policy
emitter.toChannel(bus, 'order', { capacity: 1 })
// @ts-expect-error and has no 'block'
emitter.toChannel(bus, 'order', { capacity: 1, overflow: 'block' })

// A subclass hides them: say them, or pass it as what it is.
const said = emitter.toChannel<number>(shop, 'order', keep)
same<typeof said, Receiver<number>>()
const seen = emitter.toChannel(shop as EventEmitter<Events>, 'order', keep)
same<typeof seen, Receiver<number>>()

// Without a map nothing is known.
const unknowns = emitter.toChannel(socket, 'data', keep)
same<typeof unknowns, Receiver<unknown>>()
const chunks = emitter.toChannel<Buffer>(socket, 'data', keep)
same<typeof chunks, Receiver<Buffer>>()

const id = await emitter.once(bus, 'order')
same<typeof id, number>()
const at = await emitter.once(bus, 'order', { map: args => args[1] })
same<typeof at, Date>()
const chunk = await emitter.once<Buffer>(socket, 'data')
same<typeof chunk, Buffer>()
emitter.drainTo(channel<number>(), bus, 'order', { map: n => [n, new Date()], end: 'closed' })
// @ts-expect-error the event has two arguments
emitter.drainTo(channel<number>(), bus, 'order', { map: n => [n] })

// The handler property of a target says what its event is.
declare const ws: WebSocket
const messages = eventTarget.toChannel(ws, 'message', { ...keep, end: 'close' })
same<typeof messages, Receiver<MessageEvent>>()
const codes = eventTarget.toChannel(ws, 'close', { ...keep, map: event => event.code })
same<typeof codes, Receiver<number>>()
const other = eventTarget.toChannel(new EventTarget(), 'anything', keep)
same<typeof other, Receiver<Event>>()
const closed = await eventTarget.once(ws, 'close')
same<typeof closed, CloseEvent>()
