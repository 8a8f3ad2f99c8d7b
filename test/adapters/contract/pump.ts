import { detach, type Receiver, type Sender } from '../../../src/core/index.js'

/** Sends what `from` receives to `to`, which is the outgoing half of a `connect`, with the ends of both. */
export function pump<T>(from: Receiver<T>, to: Sender<T>): void {
  to.ended.then(end => {
    if (end.by === 'cancel') from.cancel(end.reason)
  })
  detach(function* pump() {
    try {
      for (let step = yield* from.next(); !step.done; step = yield* from.next()) yield* to.send(step.value)
      to.close()
    } catch (error) {
      to.close(error)
    }
  })
}
