/** Errors as plain data, which every port carries, also one that only knows JSON. */
import { types } from 'node:util'
import { errorCodes, isTaskletExit, SynclessError } from '../../core/base/errors.js'

type Primitive = string | number | boolean | null | undefined

/** An error, or another value that something failed with or was cancelled for. */
export type EncodedError =
  | { readonly value: Primitive }
  | {
      readonly name: string
      readonly message: string
      readonly stack: string
      readonly cause?: EncodedError
      readonly errors?: readonly EncodedError[]
      /** The other properties of its own that are primitive, such as `code` and `errno`. */
      readonly more: Readonly<Record<string, Primitive>>
      /** Whether it is one of this package: others use words like `TIMEOUT` as codes, too. */
      readonly own?: true
    }

/** How deep a chain of causes is followed. */
const DEPTH = 8

/** How many errors one error may carry, as causes and in lists, all levels together; further ones are left out. */
const MOST = 1000

/** How many properties of one error are taken over. */
const MOST_PROPERTIES = 100

/** The builtin errors by their names. */
const builtins: Readonly<Record<string, ErrorConstructor>> = {
  Error,
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
}

/**
 * An exit is meant for a tasklet of this thread alone: it becomes undefined, as a cancel without a reason. A property whose
 * getter throws is lost, and no other.
 */
export function encodeError(error: unknown): EncodedError {
  try {
    return encode(error, DEPTH, { left: MOST })
  } catch {
    // A proxy that refuses everything.
    return { value: 'an error that cannot be read' }
  }
}

/** An error that is found in several places counts in each, as it is copied there where JSON carries it. */
interface Budget {
  left: number
}

function encode(error: unknown, depth: number, budget: Budget): EncodedError {
  budget.left--
  if (isTaskletExit(error)) return { value: undefined }
  if (!isError(error)) return { value: isPrimitive(error) ? error : describe(error) }
  const name = readable(() => String(error.name)) ?? 'Error'
  const message = readable(() => String(error.message)) ?? ''
  const cause = readable(() => error.cause)
  const inner = depth > 0 && cause !== undefined && !isTaskletExit(cause)
  const errors = readable(() => (error as { errors?: unknown }).errors)
  return {
    name,
    message,
    stack: readable(() => String(error.stack)) ?? `${name}: ${message}`,
    ...(inner ? { cause: encode(cause, depth - 1, budget) } : {}),
    ...(depth > 0 && Array.isArray(errors)
      ? { errors: someOf(errors, budget, one => encode(one, depth - 1, budget)) }
      : {}),
    ...(error instanceof SynclessError ? { own: true } : {}),
    more: primitives(error),
  }
}

/** The first of a list, as far as the budget goes. It may have more places than it has values. */
function someOf<T>(list: readonly unknown[], budget: Budget, each: (one: unknown) => T): T[] {
  const some: T[] = []
  for (let i = 0; i < list.length && budget.left > 0; i++) some.push(each(list[i]))
  return some
}

/**
 * The error again, as far as it goes: see docs/bridges/worker.md. It bears whatever the other side has sent, and takes time in
 * proportion to that: an error that stands in several places is decoded once.
 */
export function decodeError(encoded: unknown): unknown {
  return new Decoding().decode(encoded, DEPTH)
}

class Decoding {
  readonly #budget: Budget = { left: MOST }
  /** What has been decoded; undefined for an error within itself. */
  readonly #known = new Map<unknown, unknown>()

  decode(encoded: unknown, depth: number): unknown {
    this.#budget.left--
    if (typeof encoded !== 'object' || encoded === null) return undefined
    const known = this.#known
    if (known.has(encoded)) return known.get(encoded)
    known.set(encoded, undefined)
    const decoded = this.#decodeNew(encoded, depth)
    known.set(encoded, decoded)
    return decoded
  }

  #decodeNew(encoded: object, depth: number): unknown {
    const { value, name, message, stack, cause, errors, more, own }: Partial<Record<string, unknown>> = encoded
    // JSON leaves out an undefined value.
    if (typeof name !== 'string') return isPrimitive(value) ? value : undefined
    const inner = depth > 0 && this.#budget.left > 0 && cause !== undefined
    const options = inner ? { cause: this.decode(cause, depth - 1) } : undefined
    const text = typeof message === 'string' ? message : ''
    const properties = primitivesOf(more)
    const code = properties.get('code')
    const ours = own === true && isCode(code)
    const error = ours
      ? new SynclessError(code, text, options)
      : depth > 0 && Array.isArray(errors)
        ? new AggregateError(
            someOf(errors, this.#budget, one => this.decode(one, depth - 1)),
            text,
            options,
          )
        : new (builtin(name))(text, options)
    if (typeof stack === 'string') define(error, 'stack', stack, false)
    if (!ours && error.name !== name) define(error, 'name', name, false)
    // `name` has been taken care of; a SynclessError has a getter for it.
    properties.delete('name')
    if (ours) properties.delete('code')
    // Defined and not assigned, so that no name, not even `__proto__`, does more than that.
    for (const [key, property] of properties) define(error, key, property, true)
    return error
  }
}

/** The primitive properties of a plain object; none of anything else, which may have any number of places. */
function primitivesOf(more: unknown): Map<string, Primitive> {
  const properties = new Map<string, Primitive>()
  if (Object.prototype.toString.call(more) !== '[object Object]') return properties
  for (const [key, property] of Object.entries(more as object)) {
    if (properties.size === MOST_PROPERTIES) break
    if (isPrimitive(property)) properties.set(key, property)
  }
  return properties
}

function builtin(name: string): ErrorConstructor {
  return (Object.hasOwn(builtins, name) && builtins[name]) || Error
}

/** Also for an error of another realm, and a DOMException. */
export function isError(value: unknown): value is Error {
  if (value instanceof Error || types.isNativeError(value)) return true
  const parts: Partial<Error> = Object(value)
  return (['name', 'message', 'stack'] as const).every(part => typeof readable(() => parts[part]) === 'string')
}

function isCode(code: unknown): code is keyof typeof errorCodes {
  return typeof code === 'string' && Object.hasOwn(errorCodes, code)
}

function isPrimitive(value: unknown): value is Primitive {
  return value === null || ['string', 'number', 'boolean', 'undefined'].includes(typeof value)
}

function primitives(error: Error): Record<string, Primitive> {
  const entries: [string, Primitive][] = []
  for (const key of Object.keys(error)) {
    const value = readable(() => ({ is: (error as unknown as Record<string, unknown>)[key] }))
    if (value !== undefined && isPrimitive(value.is)) entries.push([key, value.is])
  }
  // Node's own errors and some others have it where Object.keys does not look.
  const code = readable(() => (error as { code?: unknown }).code)
  return { ...Object.fromEntries(entries), ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}) }
}

/** What a getter gives; undefined where it throws. */
function readable<T>(get: () => T): T | undefined {
  try {
    return get()
  } catch {
    return undefined
  }
}

function describe(value: unknown): string {
  try {
    return String(value)
  } catch {
    return 'a value without a text'
  }
}

function define(error: object, key: string, value: unknown, enumerable: boolean): void {
  Object.defineProperty(error, key, { value, configurable: true, writable: true, enumerable })
}
