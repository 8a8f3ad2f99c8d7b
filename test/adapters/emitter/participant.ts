import { EventEmitter } from 'node:events'
import * as emitter from '../../../src/adapters/emitter/index.js'
import type { Item, Participant, SinkKind, SourceKind } from '../contract/participant.js'

interface Events {
  value: [item: Item]
  end: []
  error: [error: unknown]
  removeListener: [name: string | symbol]
}

/** An emitter that nobody but its owner and the bridges listen to. Its owner has a listener for errors, as one should. */
function native(): { values: EventEmitter<Events>; listeners: () => number } {
  const values = new EventEmitter<Events>().on('error', () => {}).setMaxListeners(0)
  const count = () => (['value', 'end', 'error'] as const).reduce((sum, name) => sum + values.listenerCount(name), 0)
  const own = count()
  return { values, listeners: () => count() - own }
}

const source: SourceKind = {
  way: 'toChannel',
  ahead: 0,
  make(feed) {
    const { values, listeners } = native()
    let flowing = false
    values.on('removeListener', name => {
      if (name === 'value' && values.listenerCount('value') === 0) feed.stop()
    })
    return {
      open({ capacity, overflow }) {
        const options = { capacity, overflow: overflow as 'latest', end: 'end' } as const
        const receiver = emitter.toChannel(values, 'value', options)
        if (!flowing) {
          flowing = true
          feed.flow(step => {
            if ('value' in step) values.emit('value', step.value)
            else if ('end' in step) values.emit('end')
            else values.emit('error', step.error)
          })
        }
        return receiver
      },
      attached: listeners,
    }
  },
}

const drainTo: SinkKind = {
  way: 'drainTo',
  ahead: 1,
  fails: false,
  make(intake) {
    const values = new EventEmitter<Events & { left: [] }>()
    values.on('value', item => intake.take(item))
    values.on('end', () => intake.end())
    values.on('error', error => intake.fail(error))
    return {
      open: receiver => emitter.drainTo(receiver, values, 'value', { end: 'end', error: 'error', until: 'left' }),
      leave: () => values.emit('left'),
      attached: () => values.listenerCount('left'),
    }
  },
}

export const participant: Participant = {
  name: 'emitter',
  port: emitter,
  medium: 'memory',
  sources: [source],
  sinks: [drainTo],
}
