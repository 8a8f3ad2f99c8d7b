import { Observable, Subject, type Subscriber, type Subscription } from 'rxjs'
import * as rx from '../../../src/adapters/rx/index.js'
import type { Participant, SinkKind, SourceKind } from '../contract/participant.js'

const source: SourceKind = {
  way: 'toChannel',
  ahead: 0,
  make(feed) {
    let subscribed = 0
    const observable = new Observable<never>(subscriber => {
      subscribed++
      feed.flow(step => {
        if ('value' in step) subscriber.next(step.value as never)
        else if ('end' in step) subscriber.complete()
        else subscriber.error(step.error)
      })
      return () => {
        subscribed--
        feed.stop()
      }
    })
    return {
      open: ({ capacity, overflow }) => rx.toChannel(observable, { capacity, overflow: overflow as 'latest' }),
      attached: () => subscribed,
    }
  },
}

/** The work on a value is over when the consumer is done with it. */
const fromChannel: SinkKind = {
  way: 'fromChannel',
  ahead: 1,
  fails: true,
  make(intake) {
    let subscription: Subscription | null = null
    let working: Subscriber<void> | null = null
    return {
      open(receiver) {
        const project = (value: never) =>
          new Observable<void>(subscriber => {
            working = subscriber
            intake.take(value, () => subscriber.complete())
          })
        subscription = rx.fromChannel(receiver, { project: project as never }).subscribe({
          error: error => intake.fail(error),
          complete: () => intake.end(),
        })
      },
      leave: () => subscription?.unsubscribe(),
      fail(error) {
        working?.error(error)
        subscription?.unsubscribe()
      },
      attached: () => Number(subscription !== null && !subscription.closed),
    }
  },
}

const drainTo: SinkKind = {
  way: 'drainTo',
  ahead: 1,
  fails: false,
  make(intake) {
    const subject = new Subject<never>()
    let leaving = false
    const own = subject.subscribe({
      next: value => intake.take(value),
      error: error => {
        if (!leaving) intake.fail(error)
      },
      complete: () => {
        if (!leaving) intake.end()
      },
    })
    return {
      open: receiver => rx.drainTo(receiver as never, subject),
      leave() {
        leaving = true
        subject.complete()
      },
      attached: () => subject.observers.length - Number(!own.closed),
    }
  },
}

export const participant: Participant = {
  name: 'rx',
  port: rx,
  medium: 'memory',
  sources: [source],
  sinks: [fromChannel, drainTo],
}
