import { constants } from 'node:os'
import { SynclessError } from '../../base/errors.js'
import { roomForListener } from '../../base/listener-room.js'
import { Channel, type Receiver } from '../../channel/channel.js'
import type { ReceiverNode } from '../../channel/channel-nodes.js'
import { bondToScope } from '../../scope/scope-bond.js'

/** A channel that keeps each kind of signal at most once, as the kernel does. */
class SignalChannel<S extends NodeJS.Signals> extends Channel<S> {
  /** The content of the buffer, in its order. */
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
 * Makes a channel of the signals that this process gets, of one kind or several. It listens from now on. While anybody
 * listens to a signal, the signal loses its own effect, such as ending the process.
 *
 * A kind that has come and was not received is kept once, however often it comes again (`statistics().dropped` counts);
 * the kinds do not drop each other. All channels and all other listeners get each signal: a signal received here also
 * cancels a running `main()`. The channel is closed when its scope ends, and then fails receivers with `SCOPE_CLOSED`;
 * `cancel()` ends it earlier. It stops listening in the turn in which it ends. Waiting for a signal does not keep a
 * process alive in which nothing else is left. Signals reach the main thread only. Throws `INVALID_ARGUMENT` for a name
 * that is not a signal, or that nobody can listen to; throws `SCOPE_CLOSED`. Semantics: `sigpending(2)`, Go's
 * `signal.Notify`.
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
