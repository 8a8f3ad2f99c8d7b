/** Runs in each thread of a pool, where piscina calls it for every task. */
import { types } from 'node:util'
import { MessageChannel } from 'node:worker_threads'
import { SynclessError } from '../../core/base/errors.js'
import { encodeError } from './encoded-error.js'
import type { ThreadFailure, ThreadWork } from './thread-work.js'

type Callable = (...args: readonly unknown[]) => unknown

export default async function run({ source, module, name, args }: ThreadWork): Promise<unknown> {
  try {
    const fn = source === undefined ? await exported(module!, name) : evaluated(source)
    const result = await fn(...args)
    assertCopyable(result)
    return result
  } catch (error) {
    const failure: ThreadFailure = { syncless: 'thread failure', error: encodeError(error) }
    throw failure
  }
}

/** Nothing arrives from it. */
const nowhere = new MessageChannel().port1
nowhere.close()

/** A result that could not be sent would end the thread, by an error that cannot be sent either. */
function assertCopyable(result: unknown): void {
  // Those of `move()` of piscina are sent once.
  const moved = Symbol.for('Piscina.transferable') in Object(result)
  if (!moved && !ArrayBuffer.isView(result) && !types.isAnyArrayBuffer(result)) nowhere.postMessage(result)
}

async function exported(module: string, name: string): Promise<Callable> {
  const fn: unknown = (await import(module))[name]
  if (typeof fn === 'function') return fn as Callable
  throw new SynclessError('INVALID_ARGUMENT', `the module ${module} exports no function "${name}"`)
}

/** Made anew for every task, so that nothing is left behind by the one before. */
function evaluated(source: string): Callable {
  return new Function(`'use strict'; return (${source}\n)`)()
}
