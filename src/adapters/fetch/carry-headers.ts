/** From the headers of a fetch app's response to Node's, for a request that another app answers. */
import type { ServerResponse } from 'node:http'

/** Headers of the body that is not sent, and of the connection. */
const OWN = new Set([
  'content-type',
  'content-length',
  'content-encoding',
  'transfer-encoding',
  'connection',
  'keep-alive',
])

/** Puts the headers on Node's response, except those that were carried before. Returns all that were carried, `name: value` each. */
export function carryHeaders(
  headers: Headers,
  res: ServerResponse,
  before: ReadonlySet<string> = new Set(),
): ReadonlySet<string> {
  const carried = new Set(before)
  for (const [name, value] of headers) {
    const line = `${name}: ${value}`
    if (OWN.has(name) || carried.has(line)) continue
    carried.add(line)
    if (name === 'set-cookie') res.appendHeader(name, value)
    else res.setHeader(name, value)
  }
  return carried
}
