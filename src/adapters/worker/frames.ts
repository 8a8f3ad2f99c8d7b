/**
 * What the two ends of a bridge say to each other over a port. Each has an id, and a session is a pair of them: what is
 * still under way for ends of earlier bridges on the same port is not heard. The receiving end allows so many values, and
 * says so by their total, so that a message that is repeated changes nothing. The sending end sends no more than that.
 */
import type { EncodedError } from './encoded-error.js'

interface Marked {
  readonly syncless: 'bridge'
  readonly topic: string
}

/** From the sending end. */
export type Down =
  /** It is there; without a receiver where it has heard of none. */
  | { readonly kind: 'hello'; readonly sender: number; readonly receiver: number | null }
  | { readonly kind: 'value'; readonly sender: number; readonly receiver: number; readonly value: unknown }
  | { readonly kind: 'end'; readonly sender: number; readonly receiver: number }
  | { readonly kind: 'fail'; readonly sender: number; readonly receiver: number | null; readonly error: EncodedError }

/** From the receiving end. */
export type Up =
  /** It is there. */
  | { readonly kind: 'here'; readonly receiver: number }
  | { readonly kind: 'allow'; readonly sender: number; readonly receiver: number; readonly total: number }
  /** It wants nothing more. Without a sender where it has heard of none: for one that was there then, by `at`. */
  | {
      readonly kind: 'cancel'
      readonly sender: number | null
      readonly receiver: number
      readonly at: number
      readonly reason: EncodedError
    }
  /** It has got the end. */
  | { readonly kind: 'done'; readonly sender: number; readonly receiver: number }

/** Across all threads of all processes, with luck. */
let lastId = Math.floor(Math.random() * 2 ** 48)

export function newId(): number {
  return ++lastId
}

/** A time that all threads and processes of a machine share, in microseconds. */
export function now(): number {
  return Number(process.hrtime.bigint() / 1000n)
}

export type Frame = Marked & (Down | Up)

/**
 * Returns whether a message on a port belongs to a bridge. Other listeners on the port see such messages, too, and
 * should ignore them.
 *
 * @example
 * ```ts
 * import { parentPort } from 'node:worker_threads'
 * import { isBridgeMessage } from 'syncless/worker'
 *
 * parentPort?.on('message', message => {
 *   if (isBridgeMessage(message)) return
 *   console.log('a message of my own', message)
 * })
 * ```
 */
export function isBridgeMessage(message: unknown): boolean {
  return isFrame(message)
}

/** Whether it is one in every part that counts: another thread may say what it likes. */
export function isFrame(message: unknown): message is Frame {
  // Nothing is copied: it may be any message of the user's, such as an array of many bytes.
  const said: Readonly<Record<string, unknown>> = Object(message)
  const { syncless, topic, kind } = said
  if (syncless !== 'bridge' || typeof topic !== 'string' || typeof kind !== 'string') return false
  return Object.hasOwn(parts, kind) && (parts[kind]?.every(([name, is]) => is(said[name])) ?? false)
}

type Part = readonly [name: string, is: (value: unknown) => boolean]

const isNumber = (value: unknown) => Number.isSafeInteger(value)
const sender: Part = ['sender', isNumber]
const receiver: Part = ['receiver', isNumber]
const perhaps = ([name, is]: Part): Part => [name, value => value === null || is(value)]
const encoded = (name: string): Part => [name, value => typeof value === 'object' && value !== null]

const parts: Readonly<Record<string, readonly Part[]>> = {
  hello: [sender, perhaps(receiver)],
  value: [sender, receiver],
  end: [sender, receiver],
  fail: [sender, perhaps(receiver), encoded('error')],
  here: [receiver],
  allow: [sender, receiver, ['total', isNumber]],
  cancel: [perhaps(sender), receiver, ['at', isNumber], encoded('reason')],
  done: [sender, receiver],
}
