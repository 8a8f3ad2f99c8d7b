/** The other side of the contract over a real port: producers and consumers that do as they are told from there. */
import { parentPort } from 'node:worker_threads'
import { isBridgeMessage, type Port } from '../../../src/adapters/worker/index.js'
import type { Item, Step } from '../contract/participant.js'
import { consume, produce } from './participant.js'

/** To this side. Each has a number, which is the topic of its bridge too. */
export type Order =
  | { readonly id: number; readonly make: 'source' | 'sink' }
  | { readonly id: number; readonly value: Item }
  | { readonly id: number; readonly end: true }
  | { readonly id: number; readonly error: string }
  /** The consumer is done with a value. */
  | { readonly id: number; readonly done: true }
  | { readonly id: number; readonly leave: string | null }

/** From this side. */
export type Answer =
  | { readonly id: 0; readonly ready: true }
  | { readonly id: number; readonly pull: true }
  | { readonly id: number; readonly stop: string | null }
  | { readonly id: number; readonly value: Item }
  | { readonly id: number; readonly end: true }
  | { readonly id: number; readonly error: string }

const port: Port = parentPort ?? process
const answer = (message: Answer): unknown =>
  parentPort === null ? process.send?.(message) : parentPort.postMessage(message)

const sides = new Map<number, (order: Order) => void>()

port.on('message', (order: Order) => {
  if (isBridgeMessage(order)) return
  const { id } = order
  if ('make' in order) sides.set(id, order.make === 'source' ? source(id) : sink(id))
  else sides.get(id)?.(order)
})

function source(id: number): (order: Order) => void {
  let wanting: ((step: Step) => void) | null = null
  const pull = (sink: (step: Step) => void) => {
    wanting = sink
    answer({ id, pull: true })
  }
  const stop = (reason?: unknown) => answer({ id, stop: reason instanceof Error ? reason.message : null })
  produce({ pull, stop, flow() {}, taken() {} }, port, String(id))
  return order => {
    const sink = wanting
    wanting = null
    if ('value' in order) sink?.({ value: order.value })
    else if ('end' in order) sink?.({ end: true })
    else if ('error' in order) sink?.({ error: new Error(order.error) })
  }
}

function sink(id: number): (order: Order) => void {
  const busy: ((() => void) | undefined)[] = []
  const take = (value: Item, done?: () => void) => {
    busy.push(done)
    answer({ id, value })
  }
  const fail = (error: unknown) => answer({ id, error: (error as Error).message })
  const leave = consume({ take, fail, end: () => answer({ id, end: true }), close() {} }, port, String(id))
  return order => {
    if ('done' in order) busy.shift()?.()
    else if ('leave' in order) leave(order.leave === null ? undefined : new Error(order.leave))
  }
}

answer({ id: 0, ready: true })
