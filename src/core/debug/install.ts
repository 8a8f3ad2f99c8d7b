/** The observers of a process with tasklets: installed with its first tasklet, or with its first `await` of an operation. */

import { registry } from '../tasklet/registry.js'
import { liveTasklets } from '../tasklet/tasklet.js'
import { reportDeadlockAtExit } from './deadlock.js'
import { captureStacksIfAsked } from './stacks.js'

registry.onFirst = () => {
  reportDeadlockAtExit(liveTasklets())
  captureStacksIfAsked()
}
