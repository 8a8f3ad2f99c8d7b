/** One pair of signal handlers for all hosts that run in the process: it exits when the last of them has closed. */
import { writeSync } from 'node:fs'
import { types } from 'node:util'
import { nameOf } from '../../core/base/error-text.js'
import { SynclessError } from '../../core/base/errors.js'
import { report } from '../../core/base/report.js'
import { type Awaited, type CloseReport, describeAwaited, describeLeft } from './close-report.js'

/** A host that runs, or is about to. */
export interface RunningHost {
  close(): Promise<CloseReport>
  /** An app or a callback has failed at the close. */
  failedAtClose(error: unknown): void
  /** The things for which a close would wait now. */
  readonly awaited: Awaited
  /** How long a close may take, in milliseconds. */
  readonly patience: number
}

const running = new Set<RunningHost>()
let closing = false
let toldOfListeners = false

/** Whether a signal has come, and the process exits when the hosts have closed. */
export function exitsSoon(): boolean {
  return closing
}

/**
 * Closes on the first SIGINT or SIGTERM, and exits when every host has closed; exits at once on the second signal, as
 * a killed process would. Returns what undoes it, for a host that has been closed otherwise.
 */
export function closeOnSignals(host: RunningHost): () => void {
  if (running.size === 0) process.on('SIGINT', onSignal).on('SIGTERM', onSignal)
  running.add(host)
  return () => {
    running.delete(host)
    if (running.size === 0 && !closing) process.off('SIGINT', onSignal).off('SIGTERM', onSignal)
  }
}

function onSignal(name: NodeJS.Signals, number: number): void {
  if (closing) process.exit(128 + number)
  closing = true
  const hosts = [...running]
  say(`${name}: ${describeAwaited(hosts.map(host => host.awaited))}, until ${until(hosts)}${listenersLeft(name)}`)
  // What closes may be running inside, or throw.
  Promise.all(hosts.map(closeAndTell)).then(lines => {
    const left = lines.filter(line => line !== '')
    for (const line of left) say(`left at its close: ${line}`)
    // A code that the program has set says more.
    if (left.length > 0 && !process.exitCode) process.exitCode = 1
    // Behind the warnings of what has failed.
    setImmediate(() => process.exit())
  })
}

/** Closes a host and tells it of the errors of its close, which nobody else will see. Gives the line about what is left. */
async function closeAndTell(host: RunningHost): Promise<string> {
  try {
    const report = await host.close()
    for (const error of report.errors) host.failedAtClose(error)
    return report.clean ? '' : describeLeft(report)
  } catch (error) {
    host.failedAtClose(error)
    return nameOf(error)
  }
}

function until(hosts: readonly RunningHost[]): string {
  const patience = Math.max(...hosts.map(host => host.patience))
  const end = new Date(Date.now() + patience)
  return Number.isNaN(end.getTime()) ? 'it has ended' : `${end.toISOString()} (${patience} ms)`
}

/** Says once that async listeners of the signals are not waited for: Node keeps their promises to itself. */
export function reportListeners(): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    if (toldOfListeners || !hasAsyncListener(signal)) continue
    toldOfListeners = true
    report(
      new SynclessError('MISUSE', `${ADVICE}: the process exits without waiting for it`),
      `an async ${signal} listener`,
    )
  }
}

function listenersLeft(signal: NodeJS.Signals): string {
  if (toldOfListeners || !hasAsyncListener(signal)) return ''
  toldOfListeners = true
  return `; not for the async ${signal} listener: ${ADVICE}`
}

const ADVICE = 'give it to host.onClose()'

function hasAsyncListener(signal: NodeJS.Signals): boolean {
  return process.listeners(signal).some(listener => types.isAsyncFunction(listener))
}

/** Writes at once: the process ends before a stream would have written. One whose errors nobody reads ends as well. */
function say(text: string): void {
  try {
    writeSync(2, `syncless host: ${text}\n`)
  } catch {}
}
