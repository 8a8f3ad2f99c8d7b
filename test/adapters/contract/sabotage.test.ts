/** A check that cannot fail shows nothing: each has to fail for a participant that breaks what it is about. */
import { channel, type Receiver } from '../../../src/core/index.js'
import { participant as rx } from '../rx/participant.js'
import { hasty, participant as socketIo } from '../socket.io/participant.js'
import { participant as stream } from '../stream/participant.js'
import { abandonSource } from './abandon.js'
import { runCheck } from './check.js'
import { applicable } from './contract.js'
import { incoming } from './incoming.js'
import { measure, megabytes } from './memory.js'
import { outgoing } from './outgoing.js'
import type { Feed, Item, Participant, Source, SourceKind, SourceOptions } from './participant.js'
import { withFeed } from './sabotage.js'

/** A medium of which the producer learns each time that a value was taken, as over Socket.IO. */
const acknowledging: Participant = {
  name: 'acknowledging',
  port: { capabilities: { ...stream.port.capabilities, ack: true } },
  medium: 'memory',
  sources: [{ way: 'toChannel', ahead: 0, make: feed => new Acknowledged(feed) }],
  sinks: [],
}

class Acknowledged implements Source {
  readonly #feed: Feed
  constructor(feed: Feed) {
    this.#feed = feed
  }

  open({ capacity }: SourceOptions): Receiver<Item> {
    const values = channel<Item>(capacity)
    const pull = () => this.#feed.pull(step => 'value' in step && values.trySend(step.value) === 'sent' && pull())
    pull()
    const receive = () =>
      values.receive().map(value => {
        this.#feed.taken()
        return value
      })
    return new Proxy(values, {
      get: (target, key) => (key === 'receive' ? receive : Reflect.get(target, key).bind(target)),
    })
  }

  attached(): number {
    return 0
  }
}

const tellsWhatWasTaken = applicable(acknowledging).filter(({ check }) => check.title.includes('tells the producer'))

test.each(tellsWhatWasTaken)('holds where the producer learns what was taken: $title', ({ check, kind }) =>
  runCheck(check, acknowledging, kind),
)

// And over a real connection: one that says so twice, and one that says so before it was taken.
const overSocketIo = applicable(socketIo).filter(({ check }) => check.title.includes('tells the producer'))

test.each(overSocketIo)('fails when sabotaged: socket.io, $title', async ({ check, kind }) => {
  await expect(runCheck(check, socketIo, check.sabotage(kind))).rejects.toThrow()
  await expect(runCheck(check, socketIo, { ...kind, ...hasty })).rejects.toThrow()
})

const all = [
  ...[rx, stream].flatMap(participant => applicable(participant).map(one => ({ ...one, participant }))),
  ...tellsWhatWasTaken.map(one => ({ ...one, participant: acknowledging })),
]

for (const { participant, title, check, kind } of all) {
  test(`fails when sabotaged: ${participant.name}, ${title}`, async () => {
    await expect(runCheck(check, participant, check.sabotage(kind))).rejects.toThrow()
  })
}

test('every check has failed for one of them', () => {
  const checked = new Set<unknown>(all.map(({ check }) => check))
  const missed = [...incoming, ...outgoing].filter(check => !checked.has(check)).map(({ title }) => title)
  expect(missed).toEqual([])
})

test('the test of memory finds a bridge that keeps all it gets', async () => {
  const { chunks, growth, stalled } = await measure('test/adapters/contract/hoarder.ts', 'sources', 0)
  expect(stalled).toBeGreaterThan(chunks / 4)
  expect(growth).toBeGreaterThan(megabytes / 5)
}, 120_000)

test('the test of consumers that leave finds a bridge that does not tell its source, and one that leaves a listener', async () => {
  const kind = stream.sources[0] as SourceKind
  const untold = withFeed(kind, () => ({ stop() {} }))
  await expect(abandonSource(stream, untold)).rejects.toThrow('0 attached')
  const make = async (feed: Feed) => ({ ...(await kind.make(feed)), attached: () => 1 })
  await expect(abandonSource(stream, { ...kind, make })).rejects.toThrow('1 attached')
})
