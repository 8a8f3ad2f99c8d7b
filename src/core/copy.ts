/** Two loaded copies of the package would each have a loop of their own and could not see one another's tasklets. */
import { SynclessError } from './errors.js'

const registry: { [key: symbol]: unknown } = globalThis
const key = Symbol.for('syncless.copy')
const here = import.meta.url

const first = registry[key]
if (typeof first === 'string' && first !== here) {
  process.emitWarning(
    new SynclessError(
      'DUPLICATE_PACKAGE',
      `two copies of syncless are loaded, ${first} and ${here}: tasklets of one cannot use channels of the other. Deduplicate the dependency (npm ls syncless).`,
    ),
  )
}
registry[key] ??= here
