/** Channels that ended with an error. The error is reported if the channel goes away before anyone has received it. */
import { SynclessError } from './errors.js'
import { report } from './report.js'

/** The error that a channel ended with. */
export interface ErrorEnd {
  readonly value: unknown
  readonly label: string
  received: boolean
}

const outstanding = new Set<ErrorEnd>()

const collected = new FinalizationRegistry<ErrorEnd>(end => {
  reportUnreceived(end)
})

let watchingExit = false

/**
 * Watches over the error of a channel that has just ended with it. A scope's end cannot get lost, so it is not watched:
 * the code that ended the scope knows.
 */
export function watchErrorEnd(channel: object, end: ErrorEnd): void {
  if (end.value instanceof SynclessError && end.value.code === 'SCOPE_CLOSED') return
  outstanding.add(end)
  collected.register(channel, end, end)
  watchExit()
}

/** @internal Reports at the exit of the process the errors that nobody has received by then. */
export function watchExit(): void {
  if (watchingExit) return
  watchingExit = true
  process.on('exit', () => {
    for (const left of outstanding)
      process.stderr.write(`syncless: ${describe(left).message}\n${inspect(left.value)}\n`)
  })
}

/** Notes that the error was received, or reported. */
export function markReceived(end: ErrorEnd): void {
  if (end.received) return
  end.received = true
  outstanding.delete(end)
  collected.unregister(end)
}

/** Reports the error if nobody has received it: the channel is gone, or its consumer wants nothing more. */
export function reportUnreceived(end: ErrorEnd): void {
  if (!outstanding.has(end)) return
  markReceived(end)
  report(describe(end), 'an error got lost')
}

function describe(end: ErrorEnd): SynclessError {
  const message = end.value instanceof Error ? end.value.message : String(end.value)
  return new SynclessError('UNRECEIVED_ERROR', `${end.label} ended with an error that no receiver got: ${message}`, {
    cause: end.value,
  })
}

function inspect(value: unknown): string {
  return value instanceof Error ? (value.stack ?? value.message) : String(value)
}
