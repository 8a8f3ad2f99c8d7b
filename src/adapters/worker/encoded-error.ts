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

/** An exit is meant for a tasklet of this thread alone: it becomes undefined, as a cancel without a reason. */
export function encodeError(error: unknown, depth = DEPTH): EncodedError {
  if (isTaskletExit(error)) return { value: undefined }
  if (!isError(error)) return { value: isPrimitive(error) ? error : describe(error) }
  const { name, message, stack, cause } = error
  const inner = depth > 0 && cause !== undefined && !isTaskletExit(cause)
  const { errors } = error as { errors?: unknown }
  return {
    name: String(name),
    message: String(message),
    stack: String(stack),
    ...(inner ? { cause: encodeError(cause, depth - 1) } : {}),
    ...(depth > 0 && Array.isArray(errors) ? { errors: errors.map(one => encodeError(one, depth - 1)) } : {}),
    more: primitives(error),
  }
}

/** The error again, as far as it goes: see docs/bridges/worker.md. */
export function decodeError(encoded: EncodedError): unknown {
  if ('value' in encoded) return encoded.value
  // JSON leaves out an undefined value.
  if (!('name' in encoded)) return undefined
  const { name, message, stack, cause, errors, more } = encoded
  const options = cause === undefined ? undefined : { cause: decodeError(cause) }
  // `name` has been taken care of; a SynclessError has a getter for it.
  const { code, name: _, ...rest } = more
  const error = isCode(code)
    ? new SynclessError(code, message, options)
    : errors !== undefined
      ? new AggregateError(errors.map(decodeError), message, options)
      : new (builtins[name] ?? Error)(message, options)
  define(error, 'stack', stack)
  if (!isCode(code)) {
    if (error.name !== name) define(error, 'name', name)
    if (code !== undefined) Object.assign(error, { code })
  }
  return Object.assign(error, rest)
}

/** Also for an error of another realm, and a DOMException. */
export function isError(value: unknown): value is Error {
  if (value instanceof Error || types.isNativeError(value)) return true
  const { name, message, stack }: Partial<Error> = Object(value)
  return [name, message, stack].every(part => typeof part === 'string')
}

function isCode(code: unknown): code is keyof typeof errorCodes {
  return typeof code === 'string' && Object.hasOwn(errorCodes, code)
}

function isPrimitive(value: unknown): value is Primitive {
  return value === null || ['string', 'number', 'boolean', 'undefined'].includes(typeof value)
}

function primitives(error: Error): Record<string, Primitive> {
  const entries = Object.entries(error).filter(([, value]) => isPrimitive(value))
  // Node's own errors and some others have it where Object.entries does not look.
  const { code } = error as { code?: unknown }
  return { ...Object.fromEntries(entries), ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}) }
}

function describe(value: unknown): string {
  try {
    return String(value)
  } catch {
    return 'a value without a text'
  }
}

function define(error: object, key: string, value: unknown): void {
  Object.defineProperty(error, key, { value, configurable: true, writable: true, enumerable: false })
}
