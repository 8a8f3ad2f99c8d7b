/**
 * The check for a second copy of the package. Two loaded copies would each have a loop of their own, and could not see
 * one another's tasklets.
 */
import { writeSync } from 'node:fs'
import { SynclessError } from '../base/errors.js'

const registry: { [key: symbol]: unknown } = globalThis
const key = Symbol.for('syncless.copy')
const here = import.meta.url

const first = registry[key]
if (typeof first === 'string' && first !== here) {
  tell(
    new SynclessError(
      'DUPLICATE_PACKAGE',
      `two copies of syncless are loaded, ${first} and ${here}: tasklets of one cannot use channels of the other. Deduplicate the dependency (npm ls syncless).`,
    ),
  )
}
registry[key] ??= here

/**
 * Warns of the second copy. A warning is printed in a later turn. If the process ends before that, perhaps because of
 * the copies, the warning is printed at its end.
 */
function tell(error: SynclessError): void {
  const tellNow = () => {
    forget()
    writeSync(2, `(node:${process.pid}) [${error.code}] ${error.message}\n`)
  }
  const forget = () => void process.off('uncaughtExceptionMonitor', tellNow).off('exit', tellNow).off('warning', warned)
  const warned = (warning: Error) => {
    if (warning === error) forget()
  }
  process.on('uncaughtExceptionMonitor', tellNow).on('exit', tellNow).prependListener('warning', warned)
  process.emitWarning(error)
}
