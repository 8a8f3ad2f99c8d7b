import { constants } from 'node:os'
import { SynclessError } from '../../base/errors.js'
import { roomForListener } from '../../base/listener-room.js'
import { Channel, type Receiver } from '../../channel/channel.js'
import type { ReceiverNode } from '../../channel/channel-nodes.js'
import { bondToScope } from '../../scope/scope-bond.js'

/** Keeps each kind of signal at most once, as the kernel does. */
class SignalChannel<S extends NodeJS.Signals> extends Channel<S> {
  /** What is in the buffer, in its order. */
  readonly #pending: S[] = []

  take(signal: S): void {
    if (this.#pending.includes(signal)) {
      this.countDropped()
      return
    }
    const { buffered } = this
    this.trySend(signal)
    if (this.buffered > buffered) this.#pending.push(signal)
  }

  /** @internal */
  override supply(node: ReceiverNode<S, unknown>): boolean {
    const { buffered } = this
    const supplied = super.supply(node)
    if (this.buffered < buffered) this.#pending.shift()
    return supplied
  }
}

/**
 * The signals that this process gets, of one kind or several, as a channel. It listens from now on; a signal no longer does
 * what it does by itself, such as to end the process, while anybody listens to it.
 *
 * A kind that has come and has not been received is kept once, however often it comes again (`statistics().dropped` counts);
 * the kinds do not drop each other. All channels, and all other listeners, get each signal: one that is caught here also
 * cancels a `main()` that runs. The channel is closed when the scope in which it was made ends, and then fails receivers with
 * `SCOPE_CLOSED`; `cancel()` ends it before. In the turn in which it ends, it stops listening. Waiting for a signal does not
 * keep a process alive, in which nothing else is left. Signals reach the main thread only. Throws `INVALID_ARGUMENT` for what
 * is no signal that can be listened to, `SCOPE_CLOSED`. Semantics: `sigpending(2)`, Go's `signal.Notify`.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { signals } from 'syncless/nbsocket'
 *
 * const reloads = signals('SIGHUP')
 * process.kill(process.pid, 'SIGHUP')
 * const alive = setInterval(() => {}, 1000)
 * assert.equal(await reloads.receive(), 'SIGHUP')
 * clearInterval(alive)
 * reloads.cancel()
 * assert.equal(process.listenerCount('SIGHUP'), 0)
 * ```
 */
export function signals<const S extends NodeJS.Signals>(...names: readonly S[]): Receiver<S> {
  if (names.length === 0 || !names.every(name => Object.hasOwn(constants.signals, name))) {
    throw new SynclessError(
      'INVALID_ARGUMENT',
      `signals() takes the names of signals, and got ${names.map(String).join(', ') || 'none'}`,
    )
  }
  const values = new SignalChannel<S>(names.length)
  values.name = names.join(', ')
  const listener = (signal: NodeJS.Signals) => values.take(signal as S)
  const release = bondToScope(`the channel of ${values.name}`, error => values.close(error))
  const leaveRoom = roomForListener(process)
  const stop = () => {
    release()
    for (const name of names) process.off(name, listener)
    leaveRoom()
  }
  values.ended.node().performFor({ wake: stop })
  try {
    for (const name of new Set(names)) process.on(name, listener)
  } catch (cause) {
    values.close()
    throw new SynclessError('INVALID_ARGUMENT', `signals() cannot listen to ${values.name}`, { cause })
  }
  return values
}
