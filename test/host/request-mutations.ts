/** Requests that are nearly those of some routes, in their targets and in the headers that say what is asked for. */
import { mutants, random } from './path-mutations.js'

type Pick = <T>(of: readonly T[]) => T

/** What else may be done to a path than `path-mutations` do. */
const steps: ((path: string, pick: Pick, at: number) => string)[] = [
  ...['\t', '%09', '\xc3\xa9', '%C3%A9', 'e%CC%81', '%65%cc%81', ';v=1', ';v=1/', '%3b', '%u002f', '%u0061'].map(
    text => (path: string, _pick: Pick, at: number) => path.slice(0, at) + text + path.slice(at),
  ),
  ...['//', '/', '/.', '/..', '/;', '.', '..', '%2F', '%5c', '%00', '?', '??', '#', '?#', '?/..', '&', '\xff'].map(
    text => (path: string) => path + text,
  ),
  ...[
    '/',
    '//x',
    '/x/..',
    '/.',
    '/%2e',
    '/;/',
    '/..',
    '/x//..',
    'http://h',
    'http://h/x/..',
    'HTTP://H:80',
    'http://x@h',
  ].map(text => (path: string) => text + path),
  path => path.replaceAll('/', '//'),
  path => path.replaceAll('/', '\\'),
  path => path.replaceAll('%', '%25'),
  path => path.replace(/[a-z]/, char => `%${char.charCodeAt(0).toString(16)}`),
  path => path.replace(/[a-z]/, char => `%25${char.charCodeAt(0).toString(16)}`),
  path => path.replace(/\b[a-z]/g, char => char.toUpperCase()),
  (path, pick, at) => {
    const cut = path.lastIndexOf('/', at)
    return path.slice(0, cut) + pick(['/x/../', '/./', '/;x/', '/%2e%2e/', '//', '%2f', '%2F']) + path.slice(cut + 1)
  },
]

/** The host that the target itself names, if any, is `h`. */
const hosts = ['h', 'h', 'h', 'h:80', 'H', 'x', 'admin', 'h\r\nHost: admin', 'h/admin', 'u@h', '[::1]', '']
const headers = [
  ...[
    'X-Forwarded-Host: admin',
    'X-Forwarded-Proto: https',
    'X-Forwarded-Prefix: /admin',
    'X-Forwarded-For: 127.0.0.1',
  ],
  ...['X-Original-URL: /admin', 'X-Rewrite-URL: /admin', 'X-HTTP-Method-Override: DELETE', 'X-Method-Override: GET'],
  ...['Expect: 100-continue', 'Expect: x', 'Connection: close', 'Connection: host', 'Upgrade: h2c', 'Max-Forwards: 0'],
  ...[
    'Connection: Upgrade, close\r\nUpgrade: websocket',
    'Connection: Upgrade, close\r\nUpgrade: h2c',
    'Accept: text/html',
  ],
]
const methods = ['GET', 'GET', 'GET', 'GET', 'HEAD', 'POST', 'OPTIONS', 'DELETE', 'PROPFIND']

/** `count` targets; most are one step away from one of `paths`, or two. */
export function nearTargets(paths: readonly string[], count: number, seed: number): string[] {
  const next = random(seed)
  const pick: Pick = of => of[Math.floor(next() * of.length)] ?? of[0]!
  return mutants(paths, count, seed + 1).map(mutant => {
    if (next() < 0.4) return mutant
    let path = pick(paths)
    for (let left = 1 + Math.floor(next() ** 2 * 3); left > 0; left--)
      path = pick(steps)(path, pick, Math.floor(next() * (path.length + 1)))
    return /^(?:\/|\w+:\/\/.|\*)/.test(path) ? path : `/${path}`
  })
}

/** `count` whole requests of HTTP/1.1, each without a body. */
export function nearRequests(paths: readonly string[], count: number, seed: number, offer = ''): string[] {
  const next = random(seed + 2)
  const pick: Pick = of => of[Math.floor(next() * of.length)] ?? of[0]!
  return nearTargets(paths, count, seed).map(target => {
    const lines = [`Host: ${next() < 0.8 ? 'h' : pick(hosts)}`]
    if (next() < 0.2) lines.push(pick(headers))
    if (offer !== '') lines.push(offer)
    const method = offer !== '' || next() < 0.7 ? 'GET' : pick(methods)
    return `${method} ${target} HTTP/1.1\r\n${lines.join('\r\n')}\r\n${method === 'POST' ? 'Content-Length: 0\r\n' : ''}\r\n`
  })
}
