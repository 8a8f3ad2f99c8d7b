/** Errors as plain data, which every port carries, also one that only knows JSON. */
import { types } from 'node:util'
import { errorCodes, isTaskletExit, SynclessError } from '../../core/errors.js'

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
    return encode(error, DEPTH)
  } catch {
    // A proxy that refuses everything.
    return { value: 'an error that cannot be read' }
  }
}

function encode(error: unknown, depth: number): EncodedError {
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
    ...(inner ? { cause: encode(cause, depth - 1) } : {}),
    ...(depth > 0 && Array.isArray(errors) ? { errors: errors.map(one => encode(one, depth - 1)) } : {}),
    ...(error instanceof SynclessError ? { own: true } : {}),
    more: primitives(error),
  }
}

/** The error again, as far as it goes: see docs/bridges/worker.md. It bears whatever the other side has sent. */
export function decodeError(encoded: unknown, depth = DEPTH): unknown {
  const { value, name, message, stack, cause, errors, more, own }: Partial<Record<string, unknown>> = Object(encoded)
  // JSON leaves out an undefined value.
  if (typeof name !== 'string') return isPrimitive(value) ? value : undefined
  const inner = depth > 0 && cause !== undefined
  const options = inner ? { cause: decodeError(cause, depth - 1) } : undefined
  const text = String(message)
  // `name` has been taken care of; a SynclessError has a getter for it.
  const { code, name: _, ...rest }: Partial<Record<string, unknown>> = Object(more)
  const ours = own === true && isCode(code)
  const error = ours
    ? new SynclessError(code, text, options)
    : depth > 0 && Array.isArray(errors)
      ? new AggregateError(
          errors.map(one => decodeError(one, depth - 1)),
          text,
          options,
        )
      : new (builtin(name))(text, options)
  define(error, 'stack', stack, false)
  if (!ours && error.name !== name) define(error, 'name', name, false)
  // Defined and not assigned, so that no name, not even `__proto__`, does more than that.
  for (const [key, property] of Object.entries(ours || code === undefined ? rest : { code, ...rest })) {
    if (isPrimitive(property)) define(error, key, property, true)
  }
  return error
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
