/**
 * Functions among TLS options. Node calls them in the middle of a handshake, in the context of that connection. The
 * rejection of an async function, and on older Nodes the error of any function, would end the process, and any client
 * could cause that.
 */
import { answerOf, ask, isThenable } from '../../loop/callback.js'

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
        const late = new TypeError('checkServerIdentity must answer at once, and not by a promise')
        return answerOf<unknown>('checkServerIdentity of TLS options', late, checkServerIdentity(...args))
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
  const failed = (error: unknown) => done(asError(error))
  const chosen: Done = (error, context) => {
    if (error || !context || isSecureContext(context)) done(error, context)
    else failed(new TypeError('SNICallback must choose what createSecureContext() of node:tls made'))
  }
  try {
    const answer = choose(name, chosen)
    if (isThenable(answer)) answer.then(undefined, failed)
  } catch (error) {
    failed(error)
  }
}

/** Node takes any object, and the process crashes then. */
function isSecureContext(context: unknown): boolean {
  return Object(Object(context).context).constructor?.name === 'SecureContext'
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error('a function of the TLS options failed', { cause: error })
}
