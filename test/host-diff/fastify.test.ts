/** As with Express; the hosted instances are made with the host's server factory, on a mount's server, or before. */
import { run, verdicts } from './process.js'

jest.setTimeout(300_000)

test('hosted Fastify instances do what they do alone', async () => {
  const { programs, different, code } = await verdicts('Fastify')
  expect(different).toEqual([])
  expect(code).toBe(0)
  expect(programs).toBeGreaterThanOrEqual(450)
})

test.each(['adds a header', 'swallows an event', 'rewrites the path', 'answers later'])(
  'a host that %s is found out',
  async alteration => {
    const { code, lines } = await run('--only', 'Fastify 5, routing', '--alter', alteration)
    expect(lines.at(-1)).toMatch(/^\d+ runs, [1-9]\d* of them differ/)
    expect(code).toBe(0)
  },
)
