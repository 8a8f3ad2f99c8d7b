/**
 * The orderly end of a host: no new work, then as long as the deadline allows for what is under way, then force. What
 * force hit is in the report.
 */
import { SynclessError } from '../core/errors.js'
import type { Scope } from '../core/scope.js'
import type { Connection } from './connection.js'
import type { Engine } from './engine.js'
import type { Exchange } from './exchange.js'
import type { MountTable } from './mount-table.js'

/** What was still there at the deadline of a close. */
export interface CloseReport {
  /** Whether nothing was left, and no app failed to close. */
  readonly clean: boolean
  /** Requests whose response had not ended, such as `GET /slow`. Their connections were destroyed. */
  readonly requests: readonly string[]
  /** Tasklets of requests that were cancelled. */
  readonly tasklets: number
  /** Upgraded connections that were destroyed. */
  readonly upgrades: number
  /** Mount paths of the apps whose own close had not finished. */
  readonly mounts: readonly string[]
  /** What the apps' own closes failed with. */
  readonly errors: readonly unknown[]
}

/** What a drain needs of its host. */
export interface DrainHost {
  readonly engine: Engine
  readonly mounts: MountTable
  readonly connections: Set<Connection>
  /** Scopes of requests that have been answered and whose tasklets are at work. */
  readonly lingering: Set<Scope>
}

/** How long an app's own cleanup gets after its connections were destroyed, in milliseconds. */
const LAST_CHANCE = 500

export async function drain(host: DrainHost, deadline: number): Promise<CloseReport> {
  const stopped = host.engine.stop()
  const unfinished = [...host.connections].flatMap(connection => connection.exchanges)
  for (const { res } of unfinished) if (!res.headersSent) res.setHeader('Connection', 'close')

  const errors: unknown[] = []
  const open = new Set<string>()
  const closes = [...host.mounts].map(async mount => {
    open.add(mount.path)
    await mount.close().catch(error => errors.push(error))
    open.delete(mount.path)
  })
  const closed = Promise.all(closes)
  const inTime = await within(
    deadline,
    Promise.all([closed, stopped, noUpgrades(host.connections), noneLingering(host.lingering)]),
  )
  if (inTime) return { clean: errors.length === 0, requests: [], tasklets: 0, upgrades: 0, mounts: [], errors }

  const exchanges = [...host.connections].flatMap(connection => connection.exchanges)
  const upgraded = [...host.connections].filter(connection => connection.upgradedBy !== null)
  const tasklets = await cancelAll(host, exchanges, deadline)
  for (const connection of host.connections) connection.socket.destroy()
  host.engine.destroy()
  await within(LAST_CHANCE, closed)
  return {
    clean: exchanges.length + tasklets + upgraded.length + open.size + errors.length === 0,
    requests: exchanges.map(exchange => exchange.label),
    tasklets,
    upgrades: upgraded.length,
    mounts: [...open],
    errors,
  }
}

async function cancelAll(host: DrainHost, exchanges: readonly Exchange[], deadline: number): Promise<number> {
  const reason = new SynclessError('HOST_STATE', `the host closed, and its deadline of ${deadline} ms had passed`)
  const scopes = new Set(host.lingering)
  for (const { startedScope } of exchanges) if (startedScope !== null) scopes.add(startedScope)
  const tasklets = [...scopes].reduce((sum, scope) => sum + scope.size, 0)
  for (const scope of scopes) scope.cancel(reason)
  // A turn for their cleanup while the connections still stand.
  await new Promise(resolve => setImmediate(resolve))
  return tasklets
}

async function noUpgrades(connections: Set<Connection>): Promise<void> {
  const upgraded = [...connections].filter(connection => connection.upgradedBy !== null)
  await Promise.all(upgraded.map(({ socket }) => new Promise(resolve => socket.once('close', resolve))))
}

async function noneLingering(lingering: Set<Scope>): Promise<void> {
  while (lingering.size > 0) await Promise.all([...lingering].map(scope => scope.close()))
}

/** Whether `work` ended within `ms`. */
function within(ms: number, work: Promise<unknown>): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, Math.min(ms, 2 ** 31 - 1), false)
    work.then(() => resolve(true), reject).finally(() => clearTimeout(timer))
  })
}
