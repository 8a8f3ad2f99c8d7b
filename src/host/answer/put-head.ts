import type { ServerResponse } from 'node:http'

/**
 * Puts the arguments of `writeHead` on a response as its status and headers, as Node puts them together. The head is not
 * written, so that headers can still be added to it.
 */
export function putHead(res: ServerResponse, [statusCode, ...rest]: unknown[]): void {
  res.statusCode = Number(statusCode)
  if (typeof rest[0] === 'string' && res.req.httpVersionMajor < 2) res.statusMessage = rest[0]
  const headers = rest.findLast(part => typeof part === 'object' && part !== null)
  if (Array.isArray(headers)) {
    const pairs = Array.isArray(headers[0]) ? headers : pairsOf(headers)
    for (const [name] of pairs) res.removeHeader(name)
    for (const [name, value] of pairs) res.appendHeader(name, value)
  } else if (headers !== undefined) {
    for (const [name, value] of Object.entries(headers as object)) if (value !== undefined) res.setHeader(name, value)
  }
}

function pairsOf(flat: readonly string[]): (readonly [string, string])[] {
  const pairs: (readonly [string, string])[] = []
  for (let i = 0; i + 1 < flat.length; i += 2) pairs.push([flat[i] ?? '', flat[i + 1] ?? ''])
  return pairs
}
