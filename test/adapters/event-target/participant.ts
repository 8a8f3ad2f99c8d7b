import { getEventListeners } from 'node:events'
import * as eventTarget from '../../../src/adapters/event-target/index.js'
import type { Item, Participant, SinkKind, SourceKind } from '../contract/participant.js'

class ValueEvent extends Event {
  readonly value: Item

  constructor(value: Item) {
    super('value')
    this.value = value
  }
}

class FailureEvent extends Event {
  readonly error: Error

  constructor(error: Error) {
    super('error')
    this.error = error
  }
}

class Values extends EventTarget {
  /** As targets of the web say it: the event of this name is one of this type. */
  onvalue: ((event: ValueEvent) => void) | null = null
  onend: ((event: Event) => void) | null = null
}

const listeners = (target: EventTarget) =>
  ['value', 'end', 'error', 'left'].reduce((sum, name) => sum + getEventListeners(target, name).length, 0)

const source: SourceKind = {
  way: 'toChannel',
  ahead: 0,
  make(feed) {
    const values = new Values()
    let flowing = false
    return {
      open({ capacity, overflow }) {
        const receiver = eventTarget.toChannel(values, 'value', {
          capacity,
          overflow: overflow as 'latest',
          map: event => event.value,
          end: 'end',
        })
        if (!flowing) {
          flowing = true
          feed.flow(step => {
            if ('value' in step) values.dispatchEvent(new ValueEvent(step.value))
            else if ('end' in step) values.dispatchEvent(new Event('end'))
            else values.dispatchEvent(new FailureEvent(step.error))
          })
        }
        return receiver
      },
      attached: () => listeners(values),
    }
  },
}

const drainTo: SinkKind = {
  way: 'drainTo',
  ahead: 1,
  fails: false,
  make(intake) {
    const values = new EventTarget()
    values.addEventListener('value', event => intake.take((event as CustomEvent<Item>).detail))
    values.addEventListener('end', () => intake.end())
    values.addEventListener('error', event => intake.fail((event as FailureEvent).error))
    const own = listeners(values)
    return {
      open: receiver => eventTarget.drainTo(receiver, values, 'value', { end: 'end', error: 'error', until: 'left' }),
      leave: () => values.dispatchEvent(new Event('left')),
      attached: () => listeners(values) - own,
    }
  },
}

export const participant: Participant = {
  name: 'event-target',
  port: eventTarget,
  medium: 'memory',
  sources: [source],
  sinks: [drainTo],
}
