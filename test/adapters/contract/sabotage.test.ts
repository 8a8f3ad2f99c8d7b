/** A check that cannot fail shows nothing: each has to fail for a participant that breaks what it is about. */
import { existsSync, readdirSync } from 'node:fs'
import { channel, type Receiver } from '../../../src/core/index.js'
import { sized } from '../../sized.js'
import { participant as emitter } from '../emitter/participant.js'
import { participant as eventTarget } from '../event-target/participant.js'
import { participant as express } from '../express/participant.js'
import { participant as fastify } from '../fastify/participant.js'
import { participant as iterator } from '../iterator/participant.js'
import { participant as rx } from '../rx/participant.js'
import { hasty, participant as socketIo } from '../socket.io/participant.js'
import { participant as stream } from '../stream/participant.js'
import { participant as web } from '../web/participant.js'
import { participant as worker } from '../worker/participant.js'
import { participant as ws } from '../ws/participant.js'
import { abandonSource } from './abandon.js'
import { runCheck } from './check.js'
import { applicable } from './contract.js'
import { incoming } from './incoming.js'
import { measure } from './memory.js'
import { outgoing } from './outgoing.js'
import type { Feed, Item, Participant, Source, SourceKind, SourceOptions } from './participant.js'
import { override, withFeed } from './sabotage.js'

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
    return override(values, { receive })
  }

  attached(): number {
    return 0
  }
}

const tellsWhatWasTaken = applicable(acknowledging).filter(({ check }) => check.title.includes('tells the producer'))

test.each(tellsWhatWasTaken)('holds where the producer learns what was taken: $title', ({ check, kind }) =>
  runCheck(check, acknowledging, kind),
)

const overSocketIo = applicable(socketIo).filter(({ check }) => check.title.includes('tells the producer'))

test.each(overSocketIo)('fails where the producer is told before a value was taken: socket.io, $title', async one => {
  await expect(runCheck(one.check, socketIo, { ...one.kind, ...hasty })).rejects.toThrow()
})

/** Those that find what is wrong at once: others wait over a wire for what does not come. */
const prompt = ['in a scope that has ended', 'refuses', 'tells the producer']

const all = [
  ...[rx, stream, web, iterator, emitter, eventTarget].flatMap(participant =>
    applicable(participant).map(one => ({ ...one, participant })),
  ),
  ...[express, fastify, socketIo, worker, ws].flatMap(participant =>
    applicable(participant)
      .filter(({ check }) => prompt.some(words => check.title.includes(words)))
      .map(one => ({ ...one, participant })),
  ),
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

test('every port has failed one', () => {
  const ports = readdirSync('test/adapters').filter(name => existsSync(`test/adapters/${name}/contract.test.ts`))
  expect(ports.filter(name => !all.some(({ participant }) => participant.name === name))).toEqual([])
})

test('the test of memory finds a bridge that keeps all it gets', async () => {
  const amount = sized(256, 1024)
  const { chunks, growth, stalled } = await measure('test/adapters/contract/hoarder.ts', 'sources', 0, amount)
  expect(stalled).toBeGreaterThan(chunks / 4)
  expect(growth).toBeGreaterThan(amount / 5)
}, 120_000)

test('the test of consumers that leave finds a bridge that does not tell its source, and one that leaves a listener', async () => {
  const kind = stream.sources[0] as SourceKind
  const untold = withFeed(kind, () => ({ stop() {} }))
  await expect(abandonSource(stream, untold)).rejects.toThrow('0 attached')
  const make = async (feed: Feed) => ({ ...(await kind.make(feed)), attached: () => 1 })
  await expect(abandonSource(stream, { ...kind, make })).rejects.toThrow('1 attached')
})
