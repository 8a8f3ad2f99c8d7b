import type { Duplex } from 'node:stream'
import type { SynclessError } from '../../core/base/errors.js'
import type { MountTable } from '../mounts/mount-table.js'
import type { ExchangeOwner } from '../request/exchange.js'
import type { Traffic } from '../request/traffic.js'
import type { LimitOptions } from '../stages/limits.js'
import type { RequestIdStage } from '../stages/request-id.js'
import type { Party } from './policy-agreement.js'

/** Counts what the host answers by itself. */
interface Counter {
  readonly unowned: ExchangeOwner
  /** A request came for a mount that could not serve. */
  unavailable(path: string): void
}

/** The parts of a host that dispatch uses. */
export interface DispatchHost {
  readonly traffic: Traffic
  readonly mounts: MountTable
  /** Whether clients are to take their next requests elsewhere. */
  readonly leaving: boolean
  readonly limits: Required<LimitOptions>
  /** Gives requests their ids; null where nothing was asked for. */
  readonly ids: RequestIdStage | null
  readonly draining: boolean
  /** Null where nothing is counted. */
  readonly metrics: Counter | null
  /** What is behind it where it is not the first to look at a request, as far as it is known. */
  readonly beyond: readonly Party[]
  accept(socket: Duplex): void
  report(error: SynclessError): void
}
