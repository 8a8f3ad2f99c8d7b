/** One pair of signal handlers for all hosts that run in the process: it exits when the last of them has closed. */
import { writeSync } from 'node:fs'
import { type CloseReport, describeLeft } from './close-report.js'

type Close = () => Promise<CloseReport>

const running = new Set<Close>()
let closing = false

/**
 * Closes on the first SIGINT or SIGTERM, and exits when every host has closed; exits at once on the second signal, as
 * a killed process would. Returns what undoes it, for a host that has been closed otherwise.
 */
export function closeOnSignals(close: Close): () => void {
  if (running.size === 0) process.on('SIGINT', onSignal).on('SIGTERM', onSignal)
  running.add(close)
  return () => {
    running.delete(close)
    if (running.size === 0 && !closing) process.off('SIGINT', onSignal).off('SIGTERM', onSignal)
  }
}

function onSignal(_name: string, number: number): void {
  if (closing) process.exit(128 + number)
  closing = true
  Promise.all(Array.from(running, close => close())).then(
    reports => {
      const left = reports.filter(report => !report.clean)
      for (const report of left) say(`syncless host: left at its close: ${describeLeft(report)}\n`)
      process.exit(left.length === 0 ? 0 : 1)
    },
    () => process.exit(1),
  )
}

/** Writes at once: the process ends before a stream would have written. One whose errors nobody reads ends as well. */
function say(text: string): void {
  try {
    writeSync(2, text)
  } catch {}
}
