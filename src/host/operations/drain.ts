/**
 * The orderly end of a host: the balancer is let go first, then no new work, then as long as the deadline allows for what
 * is under way, then force. What force hit is in the report.
 */

import { destroyStream } from '../../adapters/underlying-stream.js'
import { SynclessError } from '../../core/base/errors.js'
import { startTimer } from '../../core/ops/sleep.js'
import { sayGoodbye } from '../dispatch/websocket-close.js'
import type { MountTable } from '../mounts/mount-table.js'
import type { Exchange } from '../request/exchange.js'
import type { Traffic } from '../request/traffic.js'
import type { Transport } from '../transport/transport.js'
import type { CloseCallbacks } from './close-callbacks.js'
import type { CloseReport } from './close-report.js'
import { Deadline } from './deadline.js'

/** The parts of a host that a drain uses. */
export interface DrainHost {
  readonly transport: Transport
  readonly mounts: MountTable
  readonly traffic: Traffic
  readonly closeCallbacks: CloseCallbacks
  /** Whether clients are to take their next requests elsewhere. */
  leaving: boolean
}

/** How long the apps' own cleanup gets after their connections were destroyed, and callbacks after it, in milliseconds. */
const LAST_CHANCE = 500
/** How long apps that tell their WebSocket clients by themselves have for it, in milliseconds. */
const OWN_GOODBYE = 1000

/**
 * Serves on for `delay` milliseconds, so that a balancer that asks for readiness stops sending before anything is
 * refused. For the second half, when it should know, the answers on connections that it holds end them: a client is
 * better told so than cut off with its next request on the way.
 */
export async function keepServing(host: DrainHost, delay: number): Promise<void> {
  await pass(delay / 2)
  host.leaving = true
  for (const connection of host.traffic.connections) connection.leave()
  await pass(delay / 2)
}

export async function drain(host: DrainHost, deadline: number): Promise<CloseReport> {
  const time = new Deadline(deadline)
  const errors: unknown[] = []
  const stopped = host.transport.stop().then(failures => void errors.push(...failures))
  host.leaving = true
  for (const connection of host.traffic.connections) connection.endWhenAnswered()
  const open = new Set<string>()
  const closes = [...host.mounts].map(async mount => {
    open.add(mount.path)
    await mount.close(deadline).catch(error => errors.push(error))
    open.delete(mount.path)
  })
  const silent = new Set<object | null>(
    [...host.mounts].filter(mount => !mount.saysGoodbye).map(({ server }) => server),
  )
  for (const { upgradedBy, socket } of host.traffic.connections) if (silent.has(upgradedBy)) sayGoodbye(socket)
  for (const [socket, server] of host.traffic.borrowed.upgrades) if (silent.has(server)) sayGoodbye(socket)
  const stopWaiting = startTimer(OWN_GOODBYE, () => tellAll(host))
  const closed = Promise.all(closes)
  const inTime = await time.allows(Promise.all([closed, stopped, noneLeft(host)])).finally(stopWaiting)
  if (inTime) {
    errors.push(...(await host.closeCallbacks.run(time, LAST_CHANCE)))
    return { clean: errors.length === 0, requests: [], tasklets: 0, upgrades: 0, connections: 0, mounts: [], errors }
  }

  const left = [...host.traffic.connections].filter(({ socket }) => !socket.destroyed)
  const exchanges = host.traffic.exchanges(left)
  const upgrades = host.traffic.upgrades(left)
  const connections = left.filter(({ idle }) => idle).length
  tellAll(host)
  const tasklets = await cancelAll(host, exchanges, deadline)
  for (const connection of host.traffic.connections) destroyStream(connection.socket)
  for (const carrier of host.traffic.borrowed.carriers) destroyStream(carrier)
  const lastChance = new Deadline(LAST_CHANCE)
  await lastChance.allows(closed).finally(() => lastChance.stop())
  errors.push(...(await host.closeCallbacks.run(new Deadline(LAST_CHANCE), 0)))
  return {
    clean: exchanges.length + tasklets + upgrades + connections + open.size + errors.length === 0,
    requests: exchanges.map(exchange => exchange.label),
    tasklets,
    upgrades,
    connections,
    mounts: [...open],
    errors,
  }
}

function tellAll(host: DrainHost): void {
  for (const { socket } of host.traffic.connections) sayGoodbye(socket)
  for (const socket of host.traffic.borrowed.upgrades.keys()) sayGoodbye(socket)
}

async function cancelAll(host: DrainHost, exchanges: readonly Exchange[], deadline: number): Promise<number> {
  const reason = new SynclessError('HOST_STATE', `the host closed, and its deadline of ${deadline} ms passed`)
  const scopes = host.traffic.scopes(exchanges)
  const tasklets = host.traffic.tasklets(exchanges)
  for (const scope of scopes) scope.cancel(reason)
  // A turn for their cleanup while the connections still stand.
  await new Promise(resolve => setImmediate(resolve))
  return tasklets
}

/** Resolves when there is no connection and no tasklet of a request. The end of one may be the begin of the other. */
async function noneLeft({ traffic }: DrainHost): Promise<void> {
  const { connections, lingering } = traffic
  const { upgrades } = traffic.borrowed
  while (connections.size + upgrades.size + lingering.size > 0) {
    const sockets = [...Array.from(connections, ({ socket }) => socket), ...upgrades.keys()]
    const closes = sockets.map(socket => new Promise(resolve => socket.once('close', resolve)))
    await Promise.all([...closes, ...Array.from(lingering, scope => scope.close())])
  }
}

function pass(ms: number): Promise<void> {
  return new Promise(resolve => startTimer(ms, resolve))
}
