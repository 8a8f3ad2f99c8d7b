/**
 * Tells whether two listeners answer one upgrade. Several of them may share a server, as long as each leaves the paths of
 * the others alone; two that do not, such as two `ws` servers with different paths, write two heads to one client.
 */
import type { Duplex } from 'node:stream'

const METHODS = ['write', 'end'] as const

export class AnswerWatch {
  readonly #socket: Duplex
  readonly #twice: () => void
  readonly #undo: (() => void)[] = []
  #answered = false
  #emitting = true

  constructor(socket: Duplex, twice: () => void) {
    this.#socket = socket
    this.#twice = twice
    for (const name of METHODS) this.#cover(name)
  }

  /** All listeners have been called. One that answers later is noticed as long as nothing but an answer was written. */
  emitted(): void {
    this.#emitting = false
  }

  #cover(name: (typeof METHODS)[number]): void {
    const socket = this.#socket
    const own = Object.getOwnPropertyDescriptor(socket, name)
    const original = socket[name]
    const cover = (...args: unknown[]): unknown => {
      this.#sees(args[0])
      return Reflect.apply(original, socket, args)
    }
    Object.defineProperty(socket, name, { value: cover, configurable: true, writable: true, enumerable: false })
    this.#undo.push(() => {
      if (socket[name] !== cover) return
      if (own === undefined) Reflect.deleteProperty(socket, name)
      else Object.defineProperty(socket, name, own)
    })
  }

  #sees(chunk: unknown): void {
    if (this.#undo.length === 0) return
    const head = typeof chunk === 'string' || Buffer.isBuffer(chunk) ? String(chunk.slice(0, 12)) : ''
    if (/^HTTP\/1\.[01] \d/.test(head)) {
      if (this.#answered) this.#stop(true)
      this.#answered = true
    } else if (!this.#emitting && head !== '') this.#stop(false)
  }

  #stop(twice: boolean): void {
    for (const step of this.#undo.splice(0)) step()
    if (twice) this.#twice()
  }
}
