/** A port with the bridges that share it: one in each direction for every topic. */
import type { Transferable } from 'node:worker_threads'
import { SynclessError } from '../../core/base/errors.js'
import { type Ears, type Endpoint, endpointOf } from './endpoint.js'
import { type Down, type Frame, isFrame, type Up } from './frames.js'

/** One end of a bridge. */
export interface End<F> {
  frame(frame: F): void
  gone(error: SynclessError): void
  /** A message could not be read; nobody knows whose it was. */
  lost(error: unknown): void
}

const links = new WeakMap<object, Link>()

/** The link of a port. Throws `INVALID_ARGUMENT` for anything except a port. */
export function linkOf(port: unknown, bridge: string): Link {
  const known = links.get(Object(port))
  if (known !== undefined) return known
  const link = new Link(endpointOf(port, bridge))
  links.set(port as object, link)
  return link
}

export class Link implements Ears {
  readonly #endpoint: Endpoint
  readonly #receiving = new Map<string, End<Down>>()
  readonly #sending = new Map<string, End<Up>>()
  #unlisten: (() => void) | null = null
  #gone: SynclessError | null = null

  constructor(endpoint: Endpoint) {
    this.#endpoint = endpoint
  }

  /** Throws `ALREADY_CONSUMED` where the topic has a receiving end on this side. */
  receive(topic: string, end: End<Down>): () => void {
    return this.#attach(this.#receiving, topic, end, 'receives from')
  }

  /** Throws `ALREADY_CONSUMED` where the topic has a sending end on this side. */
  send(topic: string, end: End<Up>): () => void {
    return this.#attach(this.#sending, topic, end, 'sends to')
  }

  assertFree(way: 'receive' | 'send', topic: string): void {
    const taken = way === 'receive' ? this.#receiving : this.#sending
    if (taken.has(topic)) throw alreadyTaken(topic, way === 'receive' ? 'receives from' : 'sends to')
  }

  post(topic: string, frame: Down | Up, transfer: readonly Transferable[] = []): void {
    this.#endpoint.post({ syncless: 'bridge', topic, ...frame }, transfer)
  }

  message(message: unknown): void {
    if (!isFrame(message)) return
    if (isUp(message)) this.#sending.get(message.topic)?.frame(message)
    else this.#receiving.get(message.topic)?.frame(message)
  }

  lost(error: unknown): void {
    for (const end of this.#ends()) end.lost(error)
  }

  gone(error: SynclessError): void {
    this.#gone = error
    for (const end of this.#ends()) end.gone(error)
  }

  #ends(): (End<Down> | End<Up>)[] {
    return [...this.#receiving.values(), ...this.#sending.values()]
  }

  #attach<F>(ends: Map<string, End<F>>, topic: string, end: End<F>, how: string): () => void {
    if (ends.has(topic)) throw alreadyTaken(topic, how)
    ends.set(topic, end)
    this.#unlisten ??= this.#endpoint.listen(this)
    const gone = this.#gone
    if (gone !== null) queueMicrotask(() => end.gone(gone))
    return () => {
      if (ends.get(topic) !== end) return
      ends.delete(topic)
      if (this.#receiving.size + this.#sending.size > 0) return
      this.#unlisten?.()
      this.#unlisten = null
    }
  }
}

function isUp(frame: Frame): frame is Frame & Up {
  return ['here', 'allow', 'cancel', 'done'].includes(frame.kind)
}

function alreadyTaken(topic: string, how: string): SynclessError {
  const which = topic === '' ? 'the port' : `the topic "${topic}" of the port`
  return new SynclessError('ALREADY_CONSUMED', `give each bridge its own topic: another bridge already ${how} ${which}`)
}
