import { go, select, sleep, timeout } from '../../../src/core/index.js'
import { getaddrinfo, gethostbyaddr, gethostbyname, gethostbyname_ex } from '../../../src/core/nbsocket/dns/hosts.js'
import * as resolve from '../../../src/core/nbsocket/dns/resolve.js'
import { type Resolver, resolver } from '../../../src/core/nbsocket/dns/resolver.js'
import { assertNoLeaks } from '../../../src/testing/index.js'
import { scripts } from '../process.js'
import { rejection } from '../support.js'
import { type DnsServer, data, dnsServer } from './dns-server.js'
import { thrown } from './file-support.js'

const invalid = expect.objectContaining({ code: 'INVALID_ARGUMENT' })
const notFound = expect.objectContaining({ code: 'NAME_NOT_FOUND' })

let server: DnsServer
let dns: Resolver

beforeAll(async () => {
  server = await dnsServer({
    'host.test': {
      A: [data.ipv4('192.0.2.1'), data.ipv4('192.0.2.2')],
      AAAA: [data.ipv6('20010db8000000000000000000000001')],
      MX: [data.mx(10, 'mail.test'), data.mx(20, 'backup.test')],
      TXT: [data.text('one', 'two'), data.text('three')],
      NS: [data.name('ns.test')],
      SOA: [data.soa('ns.test', 'admin.test', 1, 2, 3, 4, 5)],
      CAA: [data.caa('issue', 'ca.test')],
      NAPTR: [data.naptr(1, 2, 's', 'SIP+D2U', '', '_sip._udp.test')],
    },
    'www.test': { CNAME: [data.name('web.test')] },
    'web.test': { CNAME: [data.name('host.test')] },
    '_http._tcp.test': { SRV: [data.srv(1, 2, 8080, 'host.test')] },
    '1.2.0.192.in-addr.arpa': { PTR: [data.name('host.test'), data.name('other.test')] },
    'empty.test': {},
  })
  dns = resolver({ servers: [server.address], timeout: 1000, tries: 1 })
})

afterAll(async () => {
  await server[Symbol.asyncDispose]()
})

describe('a resolver', () => {
  test.each<[string, (dns: Resolver) => PromiseLike<unknown>, unknown]>([
    ['resolve4', dns => dns.resolve4('host.test'), ['192.0.2.1', '192.0.2.2']],
    ['resolve6', dns => dns.resolve6('host.test'), ['2001:db8::1']],
    [
      'resolveMx',
      dns => dns.resolveMx('host.test'),
      [expect.objectContaining({ exchange: 'mail.test', priority: 10 }), expect.objectContaining({ priority: 20 })],
    ],
    ['resolveTxt', dns => dns.resolveTxt('host.test'), [['one', 'two'], ['three']]],
    [
      'resolveSrv',
      dns => dns.resolveSrv('_http._tcp.test'),
      [expect.objectContaining({ name: 'host.test', port: 8080, priority: 1, weight: 2 })],
    ],
    ['resolvePtr', dns => dns.resolvePtr('1.2.0.192.in-addr.arpa'), ['host.test', 'other.test']],
    ['resolveNs', dns => dns.resolveNs('host.test'), ['ns.test']],
    ['resolveCname', dns => dns.resolveCname('www.test'), ['web.test']],
    [
      'resolveSoa',
      dns => dns.resolveSoa('host.test'),
      expect.objectContaining({ nsname: 'ns.test', hostmaster: 'admin.test', serial: 1, minttl: 5 }),
    ],
    [
      'resolveNaptr',
      dns => dns.resolveNaptr('host.test'),
      [expect.objectContaining({ order: 1, preference: 2, service: 'SIP+D2U', replacement: '_sip._udp.test' })],
    ],
    ['resolveCaa', dns => dns.resolveCaa('host.test'), [expect.objectContaining({ critical: 0, issue: 'ca.test' })]],
    ['reverse', dns => dns.reverse('192.0.2.1'), ['host.test', 'other.test']],
    ['gethostbyname', dns => dns.gethostbyname('www.test'), '192.0.2.1'],
    ['gethostbyname of an address', dns => dns.gethostbyname('192.0.2.7'), '192.0.2.7'],
    [
      'gethostbyname_ex',
      dns => dns.gethostbyname_ex('www.test'),
      { hostname: 'host.test', aliases: ['www.test', 'web.test'], addresses: ['192.0.2.1', '192.0.2.2'] },
    ],
    [
      'gethostbyaddr',
      dns => dns.gethostbyaddr('192.0.2.1'),
      { hostname: 'host.test', aliases: ['other.test'], addresses: ['192.0.2.1'] },
    ],
  ])('asks by %s', async (_, ask, expected) => {
    expect(await ask(dns)).toEqual(expected)
  })

  test('asks for anything', async () => {
    const types = (await dns.resolveAny('host.test')).map(({ type }) => type)
    expect(new Set(types)).toEqual(new Set(['A', 'AAAA', 'MX', 'TXT', 'NS', 'SOA', 'CAA', 'NAPTR']))
  })

  test('says which servers it asks', () => {
    expect(dns.servers).toEqual([server.address])
  })

  test('tells names that are not there from servers that fail', async () => {
    expect(await rejection(dns.resolve4('nobody.test'))).toMatchObject({
      code: 'NAME_NOT_FOUND',
      systemCode: 'ENOTFOUND',
    })
    expect(await rejection(dns.resolve4('empty.test'))).toMatchObject({ code: 'NAME_NOT_FOUND', systemCode: 'ENODATA' })
    expect(await rejection(dns.gethostbyname_ex('nobody.test'))).toEqual(notFound)
    expect(await rejection(dns.resolveMx('broken.test'))).toMatchObject({
      code: 'LOOKUP_FAILED',
      systemCode: 'ESERVFAIL',
    })
  })

  test('gives up by itself', async () => {
    const impatient = resolver({ servers: [server.address], timeout: 50, tries: 1 })
    const error = await rejection(impatient.resolve4('silent.test'))
    expect(error).toMatchObject({ code: 'LOOKUP_FAILED', systemCode: 'ETIMEOUT' })
  })

  test('that nobody waits for any more keeps no process alive', async () => {
    const script = scripts({ nbsocket: true })
    const { stdout, code } = await script.run(`
      const silent = await nbsocket.bindUdp({ host: '127.0.0.1' })
      const dns = nbsocket.resolver({ servers: ['127.0.0.1:' + silent.address.port], timeout: 60_000 })
      console.log(await timeout(20, dns.resolve4('host.test'), { else: 'late' }))
      await silent.close()`)
    script.remove()
    expect([stdout, code]).toEqual(['late', 0])
  })

  test('abandons a query that times out, loses or is killed', async () => {
    await assertNoLeaks(async () => {
      const patient = resolver({ servers: [server.address], timeout: 60_000 })
      expect(await rejection(timeout(20, patient.resolve4('silent.test')))).toMatchObject({ code: 'TIMEOUT' })
      expect((await select({ dns: patient.resolve6('silent.test'), late: sleep(5) })).key).toBe('late')
      const t = go(() => patient.gethostbyname_ex('silent.test'))
      await sleep(5)
      await t.kill()
    })
  })

  test('goes on with the others when one is abandoned', async () => {
    const patient = resolver({ servers: [server.address], timeout: 200, tries: 5 })
    const slow = go(() => patient.resolve4('silent.test'))
    const other = go(() => patient.resolve4('host.test'))
    await sleep(1)
    await slow.kill()
    expect(await other).toEqual(['192.0.2.1', '192.0.2.2'])
  })

  test.each<[string, () => unknown]>([
    ['no name', () => dns.resolve4('')],
    ['no address', () => dns.reverse('host.test')],
    ['no server', () => resolver({ servers: ['nowhere'] })],
    ['no number of tries', () => resolver({ tries: -1 })],
    ['no time that c-ares takes', () => resolver({ timeout: 2 ** 31 })],
  ])('%s is INVALID_ARGUMENT', (_, make) => {
    expect(thrown(make)).toEqual(invalid)
  })
})

describe('the system', () => {
  test('knows this machine', async () => {
    expect(await gethostbyname('localhost')).toBe('127.0.0.1')
    expect(await gethostbyname_ex('localhost')).toMatchObject({ hostname: 'localhost', aliases: [] })
    expect(await getaddrinfo('::1', 80)).toEqual([{ address: '::1', port: 80, family: 'IPv6' }])
    expect((await gethostbyaddr('127.0.0.1')).hostname).toMatch(/localhost/)
  })

  test('does not know what is not there', async () => {
    const late = timeout(5000, getaddrinfo('nobody.invalid'))
    expect(await rejection(late)).toMatchObject({ code: expect.stringMatching(/^(NAME_NOT_FOUND|LOOKUP_FAILED)$/) })
    expect(await rejection(gethostbyaddr('192.0.2.99'))).toMatchObject({
      code: expect.stringMatching(/^(NAME_NOT_FOUND|LOOKUP_FAILED)$/),
    })
  })

  test('an address of another family is not found', async () => {
    for (const asked of [
      gethostbyname('::1'),
      gethostbyname_ex('::1'),
      getaddrinfo('127.0.0.1', 0, { family: 'IPv6' }),
    ]) {
      expect(await rejection(asked)).toMatchObject({ code: 'NAME_NOT_FOUND' })
    }
  })

  test.each<[string, () => unknown]>([
    ['getaddrinfo', () => getaddrinfo('')],
    ['getaddrinfo of a wrong port', () => getaddrinfo('localhost', Number.NaN)],
    ['getaddrinfo of a wrong family', () => getaddrinfo('localhost', 0, { family: 'IPv5' as 'IPv6' })],
    ['getaddrinfo with wrong hints', () => getaddrinfo('localhost', 0, { hints: 12345 })],
    ['getaddrinfo with wrong options', () => getaddrinfo('localhost', 0, null as unknown as object)],
    ['a resolver of wrong options', () => resolver(null as unknown as object)],
    ['gethostbyaddr', () => gethostbyaddr('localhost')],
  ])('%s throws INVALID_ARGUMENT', (_, make) => {
    expect(thrown(make)).toEqual(invalid)
  })

  test('is asked by the functions of the names of a resolver', () => {
    for (const [name, ask] of Object.entries(resolve)) expect(ask('host.test').describe()).toBe(`${name} of host.test`)
  })
})
