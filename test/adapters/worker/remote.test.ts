/**
 * The contract where the other side is a real thread, and a real process: what contract.test.ts shows with both ends of a
 * port in one thread. Both are started once, which takes most of the time, and each bridge has a topic of its own.
 */
import * as worker from '../../../src/adapters/worker/index.js'
import { runCheck } from '../contract/check.js'
import { applicable } from '../contract/contract.js'
import type { Participant, SinkKind, SourceKind } from '../contract/participant.js'
import type { Answer, Order } from './remote-peer.js'
import { end, listeners, type Other, say, startProcess, startThread } from './start.js'

/** What is at the other side, and how many listeners its port has without a bridge. */
interface Remote {
  readonly port: Other
  readonly before: number
}

let lastId = 0
let remote: Remote | null = null
const there = (): Other => remote?.port as Other
const attached = () => listeners(there()) - Number(remote?.before)

/** The sides of the bridges that are at work. */
const sides = new Map<number, (answer: Answer) => void>()

function make(kind: 'source' | 'sink', hear: (answer: Answer) => void): { topic: string; tell(order: object): void } {
  const id = ++lastId
  sides.set(id, hear)
  const tell = (order: object) => say(there(), { id, ...order } as Order)
  tell({ make: kind })
  return { topic: String(id), tell }
}

const source: SourceKind = {
  way: 'toChannel',
  // The one that is offered to the bridge at the other side.
  ahead: 1,
  make(feed) {
    const { topic, tell } = make('source', answer => {
      if ('pull' in answer) feed.pull(step => tell('error' in step ? { error: step.error.message } : step))
      else if ('stop' in answer) feed.stop(answer.stop === null ? undefined : new Error(answer.stop))
    })
    return { open: ({ capacity }) => worker.toChannel(there(), { topic, capacity }), attached }
  },
}

const sink: SinkKind = {
  way: 'drainTo',
  // One is with the consumer, one in the buffer over there, one on its way there.
  ahead: 3,
  fails: true,
  make(intake) {
    const { topic, tell } = make('sink', answer => {
      if ('value' in answer) intake.take(answer.value, () => tell({ done: true }))
      else if ('end' in answer) intake.end()
      else if ('error' in answer) intake.fail(new Error(answer.error))
    })
    return {
      open: receiver => worker.drainTo(receiver, there(), { topic }),
      leave: () => tell({ leave: null }),
      fail: error => tell({ leave: error.message }),
      attached,
      async dispose() {
        tell({ leave: null })
        // What ends the bridge may be under way still.
        for (let i = 0; i < 1000 && attached() > 0; i++) await new Promise(setImmediate)
      },
    }
  },
}

const participant: Participant = {
  name: 'worker',
  port: worker,
  medium: 'transport',
  sources: [source],
  sinks: [sink],
}

describe.each([
  ['a thread', () => startThread('remote-peer.ts')],
  ['a process', () => startProcess('remote-peer.ts')],
])('with %s at the other side', (_name, start) => {
  beforeAll(async () => {
    const port: Other = start()
    await new Promise<void>(resolve => {
      port.on('message', (answer: Answer) => {
        if (worker.isBridgeMessage(answer)) return
        if ('ready' in answer) resolve()
        else sides.get(answer.id)?.(answer)
      })
    })
    remote = { port, before: listeners(port) }
  })
  afterAll(() => end(there()))

  test.each(applicable(participant))('$title', ({ check, kind }) => runCheck(check, participant, kind))
})
