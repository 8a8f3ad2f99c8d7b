/**
 * Functions among TLS options. Node calls them in the middle of a handshake, in the context of that connection. The
 * rejection of an async function, and on older Nodes the error of any function, would end the process, and any client
 * could cause that.
 */
import { ask, isThenable } from '../../loop/callback.js'

interface Callbacks {
  SNICallback?: unknown
  ALPNCallback?: unknown
  pskCallback?: unknown
  checkServerIdentity?: unknown
}

type Done = (error: Error | null, context?: unknown) => void

/** @internal Returns the options, with functions whose errors fail the handshake and nothing else. */
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

/** Makes a function whose failure counts as no answer: the peers then have no protocol, or no key, in common. */
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
