import { messageOf } from './error-text.js'

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
  /** What the apps' own closes failed with. */
  readonly errors: readonly unknown[]
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
    errors.length > 0 && `errors: ${errors.map(messageOf).join(', ')}`,
  ]
  return parts.filter(part => part !== false).join('; ')
}
