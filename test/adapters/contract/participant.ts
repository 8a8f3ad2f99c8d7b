/**
 * How a flow port takes part in what all of them have to pass: the contract of this folder, and the matrix that crosses
 * each port with each other. A participant says how its medium produces and consumes, and how the port's bridges are made
 * of that; what is checked, and how, it does not know. No jest in a participant: child processes load it too.
 */

import type { FlowPort } from '../../../src/adapters/port.js'
import type { Receiver } from '../../../src/core/channel/channel.js'
import type { Overflow } from '../../../src/core/channel/overflow.js'
import type { Tasklet } from '../../../src/core/tasklet/tasklet.js'

/** What is carried: whole numbers, and in the test of memory chunks of bytes. A medium of bytes or text encodes them. */
export type Item = number | Uint8Array

/** One step of a sequence. */
export type Step = { readonly value: Item } | { readonly end: true } | { readonly error: Error }

/** What a native producer is to produce. One of `flow` and `pull`, by what the medium is. */
export interface Feed {
  /** For a medium that pushes: calls `sink` with everything that is there, from within, and later with what comes. */
  flow(sink: (step: Step) => void): void
  /** For a medium that asks: calls `sink` with the next step once, from within if it is there. */
  pull(sink: (step: Step) => void): void
  /** The producer has been told that nothing more is wanted. */
  stop(reason?: unknown): void
  /** The producer has been told that one more value was taken. Only for a port that declares `ack`. */
  taken(): void
}

/** What a native consumer does with what it gets. */
export interface Intake {
  /** It has got a value, and calls `done` when it can take another one; perhaps from within. */
  take(value: Item, done?: () => void): void
  /** It has got the end. */
  end(): void
  /** It has got an error. */
  fail(error: unknown): void
  /** It is over, with neither. */
  close(): void
}

export interface SourceOptions {
  readonly capacity: number
  /** For a port that cannot pause. */
  readonly overflow?: Overflow
}

/** A native producer. */
export interface Source {
  /** Bridges it. The contract calls it twice on one producer, too. */
  open(options: SourceOptions): Receiver<Item>
  /** How many listeners, readers, locks or such the bridge has on the native side: none when it is over. */
  attached(): number
  /** Lets go of what the participant itself holds: sockets, ports. */
  dispose?(): void | Promise<void>
}

/** A native consumer. */
export interface Sink {
  /** Bridges what `receiver` receives to it; returns the tasklet of a `drainTo`. */
  open(receiver: Receiver<Item>): Tasklet<unknown> | void
  /** The consumer wants nothing more. */
  leave(): void
  /** The consumer fails, where its kind says that it can. */
  fail?(error: Error): void
  attached(): number
  dispose?(): void | Promise<void>
}

export interface SourceKind {
  readonly way: 'toChannel' | 'connect'
  /** To tell two of one way apart. */
  readonly variant?: string
  /** How many values it may have produced beyond `capacity` while nobody receives. */
  readonly ahead: number
  /** Each bridge begins a sequence of its own, so that there is no second consumer: the source is a function. */
  readonly anew?: true
  make(feed: Feed): Source | Promise<Source>
}

export interface SinkKind {
  readonly way: 'fromChannel' | 'drainTo' | 'connect'
  readonly variant?: string
  /** How many values may have been received from the channel beyond those that the consumer is done with. */
  readonly ahead: number
  /** Whether the consumer can fail, and the medium can say so to the channel. */
  readonly fails: boolean
  make(intake: Intake): Sink | Promise<Sink>
}

export interface Participant {
  readonly name: string
  readonly port: FlowPort
  /** Whether what happens on one side is known on the other in the same turn, or only after a journey. */
  readonly medium: 'memory' | 'transport'
  readonly sources: readonly SourceKind[]
  readonly sinks: readonly SinkKind[]
}

/** The name of a kind, for the title of a test. */
export function nameOf(kind: SourceKind | SinkKind): string {
  return kind.variant === undefined ? kind.way : `${kind.way} (${kind.variant})`
}
