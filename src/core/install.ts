/** What watches over a process with tasklets: in place with the first of them, or with the first `await` of an operation. */
import { reportDeadlockAtExit } from './deadlock.js'
import { captureStacksIfAsked } from './debug.js'
import { registry } from './registry.js'
import { liveTasklets } from './tasklet.js'

registry.onFirst = () => {
  reportDeadlockAtExit(liveTasklets())
  captureStacksIfAsked()
}
