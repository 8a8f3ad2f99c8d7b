/** What watches over a process with tasklets: in place with the first of them, or with the first `await` of an operation. */

import { registry } from '../tasklet/registry.js'
import { liveTasklets } from '../tasklet/tasklet.js'
import { reportDeadlockAtExit } from './deadlock.js'
import { captureStacksIfAsked } from './stacks.js'

registry.onFirst = () => {
  reportDeadlockAtExit(liveTasklets())
  captureStacksIfAsked()
}
