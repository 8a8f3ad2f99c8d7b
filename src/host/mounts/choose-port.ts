import type { HostPort } from '../../adapters/port.js'
import { SynclessError } from '../../core/base/errors.js'

/** The one port that accepts `app`. Throws `UNKNOWN_APP` where there is none, or more than one. */
export function choosePort(app: unknown, ports: readonly HostPort[]): HostPort {
  const accepting = ports.filter(port => port.accepts(app))
  const [port] = accepting
  if (port !== undefined && accepting.length === 1) return port
  const names = (list: readonly HostPort[]) => list.map(({ name }) => name).join(', ')
  throw new SynclessError(
    'UNKNOWN_APP',
    port === undefined
      ? `no adapter recognises ${describe(app)} (known: ${names(ports)})${hint(app)}`
      : `more than one host port accepts ${describe(app)}: ${names(accepting)}`,
  )
}

function describe(app: unknown): string {
  if (typeof app === 'function') return app.name === '' ? 'a function' : `function ${app.name}`
  if (typeof app !== 'object' || app === null) return String(app)
  const kind = app.constructor?.name
  return kind === undefined || kind === 'Object' ? 'an object' : `an instance of ${kind}`
}

function hint(app: unknown): string {
  const tag = Object.prototype.toString.call(app)
  if (tag.endsWith('GeneratorFunction]')) return ': wrap a generator function in taskletHandler()'
  if (tag === '[object Promise]') return ': await the app before you mount it'
  return ''
}
