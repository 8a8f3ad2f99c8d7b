/** The way of an exchange to the app of a mount. */
import { enterScope } from '../../core/scope/scope.js'
import type { Mount } from '../mounts/mount.js'
import type { MountTable } from '../mounts/mount-table.js'
import type { Exchange } from '../request/exchange.js'
import { traceStart, tracing } from '../request/tracing.js'
import { passStages } from '../stages/stage.js'
import type { RequestEvent } from '../transport/engine.js'
import { HandOver } from './hand-over.js'

/** Takes an exchange through the stages of the mount to its app. */
export function pass(mount: Mount, event: RequestEvent, exchange: Exchange): void {
  if (mount.stages === null) start(mount, event, exchange)
  else passStages(mount.stages, exchange, () => start(mount, event, exchange))
}

function start(mount: Mount, event: RequestEvent, exchange: Exchange): void {
  if (tracing()) traceStart(exchange, mount.path, () => enterScope(exchange, emit, mount, event, exchange))
  else enterScope(exchange, emit, mount, event, exchange)
}

function emit(mount: Mount, event: RequestEvent, exchange: Exchange): void {
  mount.emit(event, exchange)
}

/** Does nothing where no app may get the request after this one. */
export function prepareHandOver(mounts: MountTable, mount: Mount, event: RequestEvent, exchange: Exchange): void {
  if (mount.handOverLimit === null) return
  const rest = mounts.after(mount, exchange.req.url ?? '/')
  const last = rest.at(-1) ?? mount
  const visits = exchange.visit !== null && last.handOverLimit !== null
  if (rest.length === 0 && !visits) return
  exchange.handOver = new HandOver(mount, exchange, mount.handOverLimit, rest, visits, event === 'checkContinue')
}
