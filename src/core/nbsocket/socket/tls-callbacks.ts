/**
 * Functions among TLS options. Node calls them in the middle of a handshake, in the context of that connection. What an async one
 * rejects with, and on older Nodes what one throws, would end the process, and any client could bring that about.
 */
import { ask, isThenable } from '../../loop/callback.js'

interface Callbacks {
  SNICallback?: unknown
  ALPNCallback?: unknown
  pskCallback?: unknown
  checkServerIdentity?: unknown
}

type Done = (error: Error | null, context?: unknown) => void

/** @internal The options, with functions whose errors fail the handshake and nothing else. */
export function guarded<T extends object>(options: T & Callbacks): T {
  const { SNICallback, ALPNCallback, pskCallback, checkServerIdentity } = options
  const safe: Callbacks = {}
  if (isFunction(SNICallback)) safe.SNICallback = (name: string, done: Done) => chooseContext(SNICallback, name, done)
  if (isFunction(ALPNCallback)) safe.ALPNCallback = answering('ALPNCallback', undefined, ALPNCallback)
  if (isFunction(pskCallback)) safe.pskCallback = answering('pskCallback', null, pskCallback)
  if (isFunction(checkServerIdentity)) {
    safe.checkServerIdentity = (...args: unknown[]) => {
      try {
        return checkServerIdentity(...args)
      } catch (error) {
        return asError(error)
      }
    }
  }
  return { ...options, ...safe }
}

type AnyFunction = (...args: unknown[]) => unknown

function isFunction(value: unknown): value is AnyFunction {
  return typeof value === 'function'
}

/** Without an answer, there is no protocol, or no key, in common. */
function answering(name: string, otherwise: unknown, fn: AnyFunction): AnyFunction {
  return (...args) => ask(`${name} of TLS options`, otherwise, fn, ...args)
}

function chooseContext(choose: AnyFunction, name: string, done: Done): void {
  try {
    const answer = choose(name, done)
    if (isThenable(answer)) answer.then(undefined, (error: unknown) => done(asError(error)))
  } catch (error) {
    done(asError(error))
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error('a function of the TLS options failed', { cause: error })
}
