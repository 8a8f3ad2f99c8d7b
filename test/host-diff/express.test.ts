/**
 * Each small program runs on its framework alone and in a host, driven by the same bytes; what the client gets and what
 * the app sees must be the same.
 */
import { run, verdicts } from './process.js'

jest.setTimeout(300_000)

test('hosted Express apps do what they do alone', async () => {
  const { programs, different, code } = await verdicts('Express')
  expect(different).toEqual([])
  expect(code).toBe(0)
  expect(programs).toBeGreaterThanOrEqual(400)
})

test.each(['adds a header', 'swallows an event', 'rewrites the path', 'answers later'])(
  'a host that %s is found out',
  async alteration => {
    const { code, lines } = await run('--only', 'Express 5, r', '--alter', alteration)
    expect(lines.at(-1)).toMatch(/^\d+ runs, [1-9]\d* of them differ/)
    expect(code).toBe(0)
  },
)
