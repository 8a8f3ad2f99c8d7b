/** What the parts of the showcase say to one another, and what the server tells the page. */

/** An order as Express takes it. */
export interface Order {
  readonly id: number
  readonly product: string
  readonly quantity: number
  /** In cents. */
  readonly price: number
}

/** What the validator answers to the one who posted an order. */
export type Verdict = { readonly ok: true; readonly order: Order } | { readonly ok: false; readonly problem: string }

/** The orders of one second. */
export interface Aggregate {
  /** Seconds since the showcase started. */
  readonly second: number
  readonly orders: number
  /** In cents. */
  readonly revenue: number
  readonly quantities: Readonly<Record<string, number>>
}

/** The participants, and thereby the nodes of the graph that the page draws. */
export type Participant = 'client' | 'express' | 'tasklet' | 'fastify' | 'rxjs' | 'socket.io' | 'stream'

/** How many values one participant has passed to another, in all. */
export interface Passed {
  readonly from: Participant
  readonly to: Participant
  readonly count: number
  /** The last value, in one line. */
  readonly last: string
}

/** A tasklet that works for a tab or a request. */
export interface LiveTasklet {
  readonly owner: string
  readonly name: string
  readonly state: string
}

/** What each page is told four times a second. */
export interface State {
  /** Which tab the page itself is. */
  readonly tab: string
  readonly passed: readonly Passed[]
  readonly tasklets: readonly LiveTasklet[]
  /** Bytes of the large file that went through the channel, in all. */
  readonly bytes: number
}

/** Events of the Socket.IO connection, server to page. */
export interface ServerEvents {
  aggregate(aggregate: Aggregate): void
  state(state: State): void
  /** Something worth saying, such as `tab 2 left: 2 tasklets ended`. */
  notice(text: string): void
}
