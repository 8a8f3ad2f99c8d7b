import { nameOf } from '../../core/base/error-text.js'
import { SynclessError } from '../../core/base/errors.js'

/** The report of a close: everything that was unfinished at the deadline. */
export interface CloseReport {
  /** Whether nothing was left and no app failed to close. */
  readonly clean: boolean
  /**
   * Requests whose response had not ended or was not fully sent, such as `GET /slow`. Their connections were
   * destroyed.
   */
  readonly requests: readonly string[]
  /** Tasklets of requests that the close cancelled, or that were still cleaning up after an earlier cancellation. */
  readonly tasklets: number
  /** Upgraded connections that were destroyed. */
  readonly upgrades: number
  /** Other connections that were destroyed: their clients had not taken the last bytes that the host sent. */
  readonly connections: number
  /** Mount paths of the apps that had not finished their own close. */
  readonly mounts: readonly string[]
  /** Errors from the apps' own closes and from `host.onClose()` callbacks. An unfinished callback is a `TIMEOUT`. */
  readonly errors: readonly unknown[]
}

/** The numbers of things for which a close must wait. */
export interface Awaited {
  /** Requests without their whole answer. */
  readonly requests: number
  /** Tasklets of requests. */
  readonly tasklets: number
  readonly upgrades: number
  /** Mounts that have an app. */
  readonly apps: number
  /** Callbacks of `host.onClose()`. */
  readonly callbacks: number
}

/** Returns one line that says for what several hosts together wait. */
export function describeAwaited(hosts: readonly Awaited[]): string {
  const sum = (name: keyof Awaited) => hosts.reduce((total, host) => total + host[name], 0)
  const names = {
    requests: 'requests',
    tasklets: 'tasklets of requests',
    upgrades: 'upgraded connections',
    apps: 'apps',
    callbacks: 'onClose callbacks',
  } as const
  const parts = (Object.keys(names) as (keyof Awaited)[]).flatMap(name => {
    const count = sum(name)
    return count > 0 ? [`${names[name]}: ${count}`] : []
  })
  return parts.length === 0 ? 'closing' : `waiting for ${parts.join(', ')}`
}

/** Returns a text for logs. The text of an app's own error is left out, because it may hold secrets. */
function nameForLogs(error: unknown): string {
  return error instanceof SynclessError ? error.message : nameOf(error)
}

/** Returns one line that describes a report that is not clean. */
export function describeLeft(report: CloseReport): string {
  const { requests, tasklets, upgrades, connections, mounts, errors } = report
  const parts = [
    requests.length > 0 && `requests without their answer: ${requests.join(', ')}`,
    tasklets > 0 && `tasklets of requests: ${tasklets}`,
    upgrades > 0 && `upgraded connections: ${upgrades}`,
    connections > 0 && `other connections: ${connections}`,
    mounts.length > 0 && `apps that had not closed: ${mounts.join(', ')}`,
    errors.length > 0 && `errors: ${errors.map(nameForLogs).join(', ')}`,
  ]
  return parts.filter(part => part !== false).join('; ')
}
