/** One run of one program: what its app has seen, in order, and the gates between it and the client's script. */
import type { EventEmitter } from 'node:events'
import { inspect } from 'node:util'

/** What a program's app has at hand. */
export interface Tools {
  /** Of its framework. */
  readonly major: number
  /** Where its routes are, as the client sees them: empty at the root. */
  readonly at: string
  /** Puts something the app has seen into the transcript. */
  note(...seen: unknown[]): void
  /** Notes these events of an emitter as they come. */
  watch(emitter: EventEmitter, label: string, ...events: string[]): void
  /** Resolves when the client's script opens the gate of this name. */
  gate(name: string): Promise<void>
  /** Resolves when the app has noted a line with this text. */
  noted(text: string): Promise<void>
}

export class Session implements Tools {
  readonly lines: string[] = []
  readonly major: number
  readonly at: string
  /** Why the script did not come to its end. */
  stuck = ''
  /** Server sockets that have not closed. */
  readonly sockets = new Set<object>()
  /** Closes the app in the middle of a script. */
  end: () => Promise<void> = async () => {}
  readonly #waiters = new Set<() => void>()
  readonly #open = new Set<string>()

  constructor(major: number, at: string) {
    this.major = major
    this.at = at
  }

  readonly note = (...seen: unknown[]): void => {
    this.lines.push(seen.map(value => (typeof value === 'string' ? value : inspect(value, INSPECT))).join(' '))
    this.#wake()
  }

  readonly watch = (emitter: EventEmitter, label: string, ...events: string[]): void => {
    for (const event of events) emitter.on(event, () => this.note(label, event))
  }

  readonly gate = (name: string): Promise<void> => this.#until(() => this.#open.has(name))

  readonly noted = (text: string, times = 1): Promise<void> =>
    this.#until(() => this.lines.filter(line => line.includes(text)).length >= times)

  open(gate: string): void {
    this.#open.add(gate)
    this.#wake()
  }

  /** Resolves when every socket of the server's side has closed. */
  quiet(): Promise<void> {
    return this.#until(() => this.sockets.size === 0)
  }

  socketClosed(socket: object): void {
    this.sockets.delete(socket)
    this.#wake()
  }

  async #until(reached: () => boolean): Promise<void> {
    while (!reached()) {
      await new Promise<void>(resolve => {
        this.#waiters.add(resolve)
      })
    }
  }

  #wake(): void {
    for (const resolve of this.#waiters) resolve()
    this.#waiters.clear()
  }
}

const INSPECT = { breakLength: Number.POSITIVE_INFINITY, depth: 6, sorted: false } as const
