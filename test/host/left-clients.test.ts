/** Clients that leave at any moment leave nothing behind: no message, no socket, no scope, and no bytes. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { full, sized } from '../sized.js'
import { server } from './certificates.js'
import type { Kept } from './left-clients/child.js'

const count = sized(150, 1500)
/** In full, each way to leave is looked at by itself. In small, what the process has in any case is spread over few clients. */
const bytes = sized(6000, 1500)

/** Halves, as a few objects more or fewer are the process's own; a leak keeps at least one a client. */
function halves(kept: number): number {
  return Math.max(0, Math.round(kept * 2))
}

test(`${count} clients that leave in each way leave nothing behind`, async () => {
  const file = (name: string) => `./test/${name}`
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--no-warnings',
    '--import',
    file('adapters/contract/typescript.mjs'),
    file('host/left-clients/child.ts'),
    String(count),
    full ? 'apart' : 'together',
    String(server.key),
    String(server.cert),
  ])
  const { 'and are kept on purpose': planted, ...results }: Record<string, Kept> = JSON.parse(stdout)
  expect(Object.keys(results)).toHaveLength(full ? 14 : 1)
  for (const [way, kept] of Object.entries(results)) {
    expect({ way, emitters: halves(kept.emitters), scopes: halves(kept.scopes) }).toEqual({
      way,
      emitters: 0,
      scopes: 0,
    })
    expect(kept.bytes).toBeLessThan(bytes)
  }
  // What is kept is seen.
  expect(planted?.emitters).toBeGreaterThan(1)
}, 600_000)
