/** Which stages a mount gets, by the options of its host and its own. */
import { AdmissionStage, Gate } from './admission.js'
import type { Mount } from './mount.js'
import type { HostOptions, MountOptions } from './options.js'
import type { Stage } from './stage.js'

export class StageMaker {
  /** The bound on all mounts together. */
  readonly #gate: Gate | null

  /** Throws `INVALID_ARGUMENT` for options that make no sense. */
  constructor(options: HostOptions) {
    this.#gate = options.admission === undefined ? null : new Gate(options.admission, 'admission')
  }

  /** Throws as the constructor does. */
  make(mount: Mount, options: MountOptions): readonly Stage[] | null {
    const stages: Stage[] = []
    const gates = this.#gates(options)
    if (gates.length > 0) stages.push(new AdmissionStage(gates, mount))
    return stages.length === 0 ? null : stages
  }

  #gates({ admission }: MountOptions): Gate[] {
    if (admission === false) return []
    const gates = admission === undefined ? [] : [new Gate(admission, 'admission')]
    if (this.#gate !== null) gates.push(this.#gate)
    return gates
  }
}
