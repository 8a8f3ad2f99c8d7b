import type { Subscriber } from 'rxjs'
import type { SynclessError } from '../../core/base/errors.js'
import type { Receiver } from '../../core/channel/channel.js'
import { bondToScope } from '../../core/scope/scope-bond.js'
import { alreadyConsumed, assertReceiver, claiming } from '../shared/bridge/receiver.js'

/** Moves values from a receiver to one subscriber: receives only while fewer than `slots` values are in work. */
export class Pulls<T> {
  readonly #receiver: Receiver<T>
  readonly #slots: number
  readonly #what: string
  readonly #release: () => void
  #subscriber: Subscriber<T> | null = null
  #over: SynclessError | null = null
  #taken = 0
  #receiving = false
  #pulling = false
  #reason: unknown = undefined

  constructor(receiver: Receiver<T>, slots: number) {
    assertReceiver(receiver, 'rx.fromChannel()')
    this.#receiver = receiver
    this.#slots = slots
    this.#what = `the channel "${receiver.name}"`
    const end = (error: SynclessError) => {
      this.#over = error
      receiver.cancel(error)
      this.#fail(error)
    }
    const bond = () => bondToScope(`the observable of ${this.#what}`, end)
    this.#release = claiming(receiver, this.#what, bond)
  }

  /** Serves the first subscriber; every other gets an error. */
  serve(subscriber: Subscriber<T>): void {
    if (this.#subscriber !== null || this.#over !== null) {
      subscriber.error(this.#over ?? alreadyConsumed(this.#what))
      return
    }
    this.#subscriber = subscriber
    subscriber.add(() => {
      this.#release()
      this.#receiver.cancel(this.#reason)
    })
    this.#pull()
  }

  /** The work on a value is done. */
  done(): void {
    this.#taken--
    this.#pull()
  }

  /** The work on a value failed, which is about to end it all: the producer sees why. */
  failed(error: unknown): void {
    this.#reason = error
  }

  /** Fills the free slots. One that is freed from within is seen by the loop that is running already. */
  #pull(): void {
    if (this.#pulling) return
    this.#pulling = true
    while (this.#taken < this.#slots && !this.#receiving && this.#subscriber?.closed === false) this.#receiveOne()
    this.#pulling = false
  }

  #receiveOne(): void {
    try {
      const got = this.#receiver.tryReceive()
      if (got.ok) this.#pass(got.value)
      else if (got.done) this.#subscriber?.complete()
      else this.#waitForOne()
    } catch (error) {
      this.#fail(error)
    }
  }

  #waitForOne(): void {
    this.#receiving = true
    this.#receiver.next().then(
      step => {
        this.#receiving = false
        if (step.done) this.#subscriber?.complete()
        else this.#pass(step.value)
        this.#pull()
      },
      (error: unknown) => this.#fail(error),
    )
  }

  #pass(value: T): void {
    this.#taken++
    this.#subscriber?.next(value)
  }

  #fail(error: unknown): void {
    this.#reason = error
    this.#subscriber?.error(error)
  }
}
