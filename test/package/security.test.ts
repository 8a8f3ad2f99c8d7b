/** SECURITY.md names a test for each promise, and the defaults of the host's own limits. */
import { existsSync, readFileSync } from 'node:fs'
import http from 'node:http'
import { handOverLimit } from '../../src/host/mounts/hand-over-limit.js'
import { checkedLimits } from '../../src/host/stages/limits.js'

const text = readFileSync('SECURITY.md', 'utf8')
const rows = text.split('\n').filter(line => line.startsWith('| ') && !line.includes('---'))

test('every promise names tests, and each of them exists', () => {
  const end = rows.findIndex(row => row.startsWith('| limit '))
  for (const row of rows.slice(1, end)) {
    const tests = [...row.matchAll(/`(test\/[\w./-]+)`/g)].map(([, name]) => name ?? '')
    expect([row, tests.length > 0]).toEqual([row, true])
    for (const name of tests) expect([name, existsSync(`${name}.test.ts`)]).toEqual([name, true])
  }
})

/** The default of an option, as the table has it. */
const stated = (option: string) =>
  rows
    .find(row => row.includes(`\`${option}\``))
    ?.split('|')[3]
    ?.trim()

test('the defaults are those of the code and of Node', () => {
  const server = http.createServer()
  const { connections, pipelining, body } = checkedLimits()
  expect({
    'limits.connections': connections === Number.POSITIVE_INFINITY ? 'none' : connections,
    'limits.pipelining': String(pipelining),
    'limits.body': body === Number.POSITIVE_INFINITY ? 'none' : body,
    'handOver.limit': `${(handOverLimit(true) ?? 0) / 2 ** 20} MiB`,
    'http.maxHeaderSize': `${http.maxHeaderSize / 1024} KiB, Node's`,
    'http.headersTimeout': `${server.headersTimeout / 1000} s, Node's`,
    'http.requestTimeout': `${server.requestTimeout / 1000} s, Node's`,
    'http.keepAliveTimeout': `${server.keepAliveTimeout / 1000} s, Node's`,
    'http.timeout': server.timeout === 0 ? "none, Node's" : server.timeout,
  }).toEqual(
    Object.fromEntries(
      [
        'limits.connections',
        'limits.pipelining',
        'limits.body',
        'handOver.limit',
        'http.maxHeaderSize',
        'http.headersTimeout',
        'http.requestTimeout',
        'http.keepAliveTimeout',
        'http.timeout',
      ].map(option => [option, stated(option)]),
    ),
  )
})
