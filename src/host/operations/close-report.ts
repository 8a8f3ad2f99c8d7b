import { nameOf } from '../../core/base/error-text.js'
import { SynclessError } from '../../core/base/errors.js'

/** What was still there at the deadline of a close. */
export interface CloseReport {
  /** Whether nothing was left, and no app failed to close. */
  readonly clean: boolean
  /** Requests whose response had not ended or not been sent, such as `GET /slow`. Their connections were destroyed. */
  readonly requests: readonly string[]
  /** Tasklets of requests that were cancelled, or that had been and were at their cleanup. */
  readonly tasklets: number
  /** Upgraded connections that were destroyed. */
  readonly upgrades: number
  /** Other connections that were destroyed: those whose client had not taken what the host sent at their end. */
  readonly connections: number
  /** Mount paths of the apps whose own close had not finished. */
  readonly mounts: readonly string[]
  /** Errors of the apps' own closes and of `host.onClose()` callbacks; `TIMEOUT` for a callback that had not finished. */
  readonly errors: readonly unknown[]
}

/** What a close has to wait for, as numbers. */
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

/** What several hosts together wait for, in one line. */
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

/** The text of an error of an app may hold secrets. */
function nameForLogs(error: unknown): string {
  return error instanceof SynclessError ? error.message : nameOf(error)
}

/** What a report that is not clean says, in one line. */
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
