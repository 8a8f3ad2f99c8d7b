/** What a thread of a pool is asked to do, as it is sent there. */
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { types } from 'node:util'
import { Script } from 'node:vm'
import { SynclessError } from '../../core/base/errors.js'
import type { EncodedError } from './encoded-error.js'

/** One of `source` and `module` is there. */
export interface ThreadWork {
  readonly source?: string
  readonly module?: string
  /** The export of the module; of a function, for descriptions. */
  readonly name: string
  readonly args: readonly unknown[]
}

/** What the thread throws: the pool's own errors are none of these. */
export interface ThreadFailure {
  readonly syncless: 'thread failure'
  readonly error: EncodedError
}

export function isThreadFailure(error: unknown): error is ThreadFailure {
  return Object(error).syncless === 'thread failure'
}

/** Throws `INVALID_ARGUMENT` for what no thread can run. */
export function threadWork(task: unknown, args: unknown, name: unknown): ThreadWork {
  if (!Array.isArray(args)) throw invalid('takes the arguments as an array')
  if (typeof task === 'function') {
    if (name !== undefined) throw invalid('takes the name of an export only with a module')
    return { source: sourceOf(task), name: task.name || 'function', args }
  }
  if (name !== undefined && typeof name !== 'string') throw invalid('takes the name of an export as a string')
  return { module: moduleOf(task), name: name ?? 'default', args }
}

/** Checked once for each function. */
const sources = new WeakMap<object, string>()

function sourceOf(fn: object): string {
  const known = sources.get(fn)
  if (known !== undefined) return known
  if (types.isGeneratorFunction(fn))
    throw invalid('takes a plain or an async function, not a generator function: its threads run no tasklets')
  const source = Function.prototype.toString.call(fn)
  try {
    new Script(`(${source})`)
  } catch (cause) {
    throw invalid('takes a function whose source can be sent: not a method, a bound or a native one', cause)
  }
  sources.set(fn, source)
  return source
}

function moduleOf(module: unknown): string {
  if (module instanceof URL || URL.canParse(String(module))) {
    const { protocol, href } = new URL(String(module))
    if (['file:', 'data:', 'node:'].includes(protocol)) return href
  }
  if (typeof module === 'string' && path.isAbsolute(module)) return pathToFileURL(module).href
  throw invalid(`takes a function, or a module by its URL or its absolute path, and got ${String(module)}`)
}

function invalid(what: string, cause?: unknown): SynclessError {
  const options = cause === undefined ? undefined : { cause }
  return new SynclessError('INVALID_ARGUMENT', `a thread pool ${what}`, options)
}
