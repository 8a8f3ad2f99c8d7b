/** A response that is over early is no error of an async handler that waits for its drain: Fastify would answer it again. */
import { drainTo } from '../../../src/adapters/fastify/index.js'
import { type Channel, channel } from '../../../src/core/index.js'
import { fastify, fastify4 } from '../../host/frameworks.js'
import { closeHosts, get, newHost, RawClient, started, turns } from '../../host/support.js'
import { reported } from '../support.js'

afterEach(closeHosts)

/** A response under way, and how the drain ends for its handler. */
async function underWay(make: typeof fastify, values: Channel<string>) {
  const host = newHost()
  const outcomes: unknown[] = []
  make({ serverFactory: host.serverFactory('/') }).get('/', async (_request, reply) => {
    try {
      outcomes.push(await drainTo(values, reply, { format: 'ndjson' }))
    } catch (error) {
      outcomes.push(error)
      throw error
    }
    return reply
  })
  const client = new RawClient((await started(host)).port).send(get('/'))
  await values.send('first')
  await client.until(/first/)
  return { host, client, outcomes }
}

describe.each([
  ['Fastify 5', fastify],
  ['Fastify 4', fastify4],
])('in an async handler of %s', (_name, make) => {
  test('a client that leaves is told as "left"', async () => {
    const values = channel<string>()
    const { client, outcomes } = await underWay(make, values)
    client.socket.destroy()
    while (outcomes.length === 0) await turns()
    await turns()
    expect(outcomes).toEqual(['left'])
    expect(values.closed).toBe(true)
  })

  test('an error of the channel breaks the response off, and ends nothing else', async () => {
    const values = channel<string>()
    await reported(async () => {
      const { client, outcomes } = await underWay(make, values)
      const bad = new Error('bad')
      values.close(bad)
      await client.closed
      await turns()
      expect(outcomes).toEqual([bad])
      expect(client.text).not.toMatch(/\r\n0\r\n\r\n$/)
    })
  })

  test('the deadline of its host breaks the response off, and ends nothing else', async () => {
    const { host, client, outcomes } = await underWay(make, channel<string>())
    const report = await host.close({ deadline: 0 })
    expect(report.requests).toHaveLength(1)
    await client.closed
    await turns()
    expect(outcomes).toEqual([expect.objectContaining({ message: expect.stringContaining('was killed') })])
    expect(client.text).not.toMatch(/\r\n0\r\n\r\n$/)
  })
})
