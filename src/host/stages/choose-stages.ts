/** Which stages a mount gets, by the options of its host and its own. */
import { type AdmissionOptions, AdmissionStage, type ConnectionHolder, Gate } from './admission.js'
import { BodyLimitStage } from './body-limit.js'
import { checkedLimits, type LimitOptions, type MountLimitOptions } from './limits.js'
import { type RequestIdOptions, RequestIdStage } from './request-id.js'
import type { Meter, Stage } from './stage.js'

/** The stages that the options of a host ask for. */
interface HostStages {
  readonly admission?: AdmissionOptions
  readonly limits?: LimitOptions
  readonly requestId?: RequestIdOptions
}

/** The stages that the options of a mount ask for. */
interface MountStages {
  readonly admission?: AdmissionOptions | false
  readonly limits?: MountLimitOptions
}

/** Counts requests by the path of their mount. */
interface Meters {
  meter(path: string): Meter
}

export class StageChooser {
  readonly ids: RequestIdStage | null
  /** The bound on all mounts together. */
  readonly #gate: Gate | null
  readonly #body: number
  readonly #metrics: Meters | null

  /** Throws `INVALID_ARGUMENT` for options that make no sense. */
  constructor({ admission, limits, requestId }: HostStages, metrics: Meters | null) {
    this.#metrics = metrics
    this.ids = requestId === undefined ? null : new RequestIdStage(requestId)
    this.#gate = admission === undefined ? null : new Gate(admission)
    this.#body = checkedLimits(limits).body
  }

  /** Null where nothing is asked for. Throws as the constructor does. */
  make(mount: ConnectionHolder & { readonly path: string }, options: MountStages): readonly Stage[] | null {
    const stages: Stage[] = []
    const meter = this.#metrics?.meter(mount.path)
    if (meter !== undefined) stages.push(meter)
    if (this.ids !== null) stages.push(this.ids)
    const { body } = checkedLimits({ body: this.#body, ...options.limits })
    if (body < Number.POSITIVE_INFINITY) stages.push(new BodyLimitStage(body))
    const gates = this.#gates(options)
    if (gates.length > 0) stages.push(new AdmissionStage(gates, mount))
    meter?.watch(stages)
    return stages.length === 0 ? null : stages
  }

  #gates({ admission }: MountStages): Gate[] {
    if (admission === false) return []
    const gates = admission === undefined ? [] : [new Gate(admission)]
    if (this.#gate !== null) gates.push(this.#gate)
    return gates
  }
}
