/** Request targets that are nearly those of some routes: a seed always gives the same ones. */

/** Numbers from 0 to 1 (mulberry32). */
export function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

type Pick = <T>(of: readonly T[]) => T

const hex = (char: string) => char.charCodeAt(0).toString(16).padStart(2, '0')

/** Puts `text` in at `at`, in the place of `length` characters. */
const splice = (path: string, at: number, text: string, length = 0) =>
  path.slice(0, at) + text + path.slice(at + length)

const inserted = [
  ...['/', '//', '/./', '/../', '/x/../', '/%2e/', '/%2E%2e/', '/..;/', '/.;/', './', '../'],
  ...[';', ';x', ';x=1', '%3B', '.', '.json', '?', '?x=1', '#', '#x', '%3F', '%23', '?/', '?x=/../'],
  ...[
    '\\',
    '\\..\\',
    '%5C',
    '%2F',
    '%2f',
    '%252F',
    '%',
    '%6',
    '%zz',
    '%%',
    '%25',
    '%2',
    '%u0061',
    '&',
    '=',
    '+',
    '@',
    ':',
  ],
  ...[
    '%00',
    '%20',
    '%09',
    '%0A',
    '%0d%0a',
    '%C0%AF',
    '%c0%ae',
    '%C1%A1',
    '%E0%80%AF',
    '%FF',
    '%C2%A0',
    '\xa0',
    '\xe9',
    '\xc3\xa9',
  ],
  ...[
    '%EF%BD%81',
    '%E2%84%AA',
    '%C4%B1',
    '%C5%BF',
    '%EF%BC%8F',
    '%E2%88%95',
    "'",
    '"',
    '<',
    '{',
    '}',
    '|',
    '^',
    '`',
    '~',
    '*',
    '(',
    '!',
  ],
  'x'.repeat(120),
]

const fronts = [
  ...['http://h', 'https://h', 'HTTP://h', 'hTTp://h', 'ftp://h', 'ws://h', 'http://h:80', 'http://u:p@h'],
  ...[
    'http://h?',
    'http://h#',
    'http://h/..',
    'http://h//',
    'http://h/http://h',
    'javascript://h',
    'file://',
    'http://h?x',
  ],
  ...['/', '//', '//h', '/./', '/../', '/x/..', '/%2e%2e', '/\\', '/;', '/%2F', '/http://h', '/?', '/#', '*', '/%20'],
]

const mutations: ((path: string, pick: Pick, at: number) => string)[] = [
  (path, _pick, at) => splice(path, at, swapCase(path.charAt(at)), 1),
  path => path.toUpperCase(),
  (path, _pick, at) => splice(path, at, at < path.length ? `%${hex(path.charAt(at))}` : '', 1),
  (path, _pick, at) => splice(path, at, at < path.length ? `%${hex(path.charAt(at)).toUpperCase()}` : '', 1),
  (path, _pick, at) => splice(path, at, at < path.length ? `%25${hex(path.charAt(at))}` : '', 1),
  path => path.replace(/[a-z]/g, char => `%${hex(char)}`),
  (path, pick, at) => splice(path, at, pick(inserted)),
  (path, pick) => path.replace('/', pick(['//', '/./', '\\', '%2F', '%5c', '%252f', '/%2e/'])),
  (path, pick) => {
    const last = path.lastIndexOf('/')
    return splice(path, last, pick(['//', '/./', '\\', '%2F', '%2f', '%5C', ';/', '%00/', '/x/../']), 1)
  },
  (path, pick) =>
    path + pick(['/', '//', '/.', '/..', '/%2e', ';', ';x', '?', '#', '.json', '%00', '%20', '%2F', '\\']),
  path => path.replace('k', '%E2%84%AA'),
  (path, pick) => (path.startsWith('/') ? pick(fronts) + path : path),
]

function swapCase(char: string): string {
  return char === char.toLowerCase() ? char.toUpperCase() : char.toLowerCase()
}

/** `count` mutants of the paths; each is one to four steps away. */
export function mutants(paths: readonly string[], count: number, seed: number): string[] {
  const next = random(seed)
  const pick: Pick = of => of[Math.floor(next() * of.length)] ?? of[0]!
  return Array.from({ length: count }, () => {
    let path = pick(paths)
    for (let steps = 1 + Math.floor(next() ** 2 * 4); steps > 0; steps--) {
      path = pick(mutations)(path, pick, Math.floor(next() * (path.length + 1)))
    }
    // What cannot be in a request line says nothing of paths.
    return /^(?:\/|\w+:\/\/.|\*)/.test(path) ? path : `/${path}`
  })
}
