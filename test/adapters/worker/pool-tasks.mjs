/** What the threads of the pools in pool.test.ts run. */
import { threadId } from 'node:worker_threads'
import { move } from 'piscina'

export default function add(a, b) {
  return a + b
}

export class OddError extends RangeError {
  name = 'OddError'
  code = 'ODD'
  hint = 7
}

export function fail() {
  throw new OddError('odd', { cause: new TypeError('the cause') })
}

export const notAFunction = 1

/** Spins until somebody sets the second number; counts in the first. */
export function spin(shared) {
  const numbers = new Int32Array(shared)
  while (numbers[1] === 0) Atomics.add(numbers, 0, 1)
  return threadId
}

export const whichThread = () => threadId

export const movedResult = () => move(new Uint8Array([5]))

export async function later(value) {
  await null
  return value
}

/** Ends the thread when the task is over. */
export function dieLater() {
  setImmediate(() => {
    throw new Error('too late')
  })
}
