/**
 * The suite prints no warning of ours. A test file that brings warnings about says which: `meantWarnings(/reads the same/)`.
 * What is found by the garbage collector when a file is over is what its tests left in the middle: its process goes on
 * with other files, where a program would have ended.
 */
interface Known {
  readonly meant: RegExp[]
  over: boolean
}

const { emitWarning } = process
const collected = new Set(['TASKLET_COLLECTED', 'UNRECEIVED_ERROR'])

// Each test file has a `process` of its own, and may load its modules more than once.
const shared: { knownWarnings?: Known } = process as typeof process & { knownWarnings?: Known }
shared.knownWarnings ??= watch()
const known = shared.knownWarnings

/** Warnings of ours that match are not printed while the tests of this file run. */
export function meantWarnings(...patterns: RegExp[]): void {
  known.meant.push(...patterns)
}

function watch(): Known {
  const known: Known = { meant: [], over: false }
  process.emitWarning = ((warning: string | Error, options?: { type?: string; code?: string }, ...rest: never[]) => {
    if (options?.type === 'SynclessWarning') {
      const text = `${options.code}: ${warning}`
      if (known.over && collected.has(String(options.code))) return
      if (known.meant.some(pattern => pattern.test(text))) return
    }
    Reflect.apply(emitWarning, process, [warning, options, ...rest])
  }) as typeof emitWarning
  afterAll(() => {
    known.over = true
  })
  return known
}
