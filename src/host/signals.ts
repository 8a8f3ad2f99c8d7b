import type { CloseReport } from './drain.js'

const SIGINT = 2
const SIGTERM = 15

/** Closes on the first SIGINT or SIGTERM and then exits; exits at once on the second, as a killed process would. */
export function closeOnSignals(close: () => Promise<CloseReport>): void {
  let closing = false
  const onSignal = (number: number) => () => {
    if (closing) process.exit(128 + number)
    closing = true
    close().then(
      report => process.exit(report.clean ? 0 : 1),
      () => process.exit(1),
    )
  }
  process.on('SIGINT', onSignal(SIGINT))
  process.on('SIGTERM', onSignal(SIGTERM))
}
