const FRAMES = 50

/** @internal The stack of the caller, one line a frame, however short the program wants stacks to be. */
export function stackLines(): string[] {
  const { stackTraceLimit } = Error
  try {
    Error.stackTraceLimit = FRAMES
  } catch {
    // Frozen intrinsics: the stack is as long as they allow.
  }
  const stack: unknown = new Error().stack
  try {
    Error.stackTraceLimit = stackTraceLimit
  } catch {
    // As above.
  }
  // A program's own `Error.prepareStackTrace` may make a list of frames of it.
  return Array.isArray(stack) ? stack.map(String) : String(stack).split('\n').slice(1)
}
