import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import path from 'node:path'
import { data, dnsServer } from '../core/nbsocket/dns-server.js'
import { Program } from './program.js'

test('console.ts starts and stops what runs in the background', async () => {
  const child = spawn(process.execPath, [path.resolve('build/examples/nbsocket/console.js')])
  let output = ''
  child.stdout.setEncoding('utf8').on('data', text => {
    output += text
  })
  const say = async (line: string, answer: RegExp) => {
    child.stdin.write(`${line}\n`)
    while (!answer.test(output)) await once(child.stdout, 'data')
  }
  await say('start clock', /> .*> /s)
  while (!/clock: [1-9]\d* ticks/.test(output)) {
    child.stdin.write('list\n')
    await once(child.stdout, 'data')
  }
  await say('stop clock', /clock has ticked [1-9]\d* times/)
  child.stdin.end()
  await once(child, 'close')
  expect([child.exitCode, output.endsWith('bye\n')]).toEqual([0, true])
})

test('popen.ts talks to a command, line by line', async () => {
  await using program = new Program('nbsocket/popen.js', ['one two', 'three', ''])
  expect(await program.ended()).toBe(0)
  expect(program.output.split('\n')).toEqual([
    '2 words in: one two',
    '1 words in: three',
    '0 words in: ',
    'the command ended 0 null',
    '$(this is no command); nor is "this"',
    '',
  ])
})

test('http-client.ts reads answers by length, in chunks and up to the end', async () => {
  const server = createServer((req, res) => {
    res.setHeader('content-type', 'text/plain')
    if (req.url === '/chunks') {
      res.write('first ')
      setImmediate(() => res.end('second'))
    } else if (req.url === '/end') {
      res.useChunkedEncodingByDefault = false
      res.removeHeader('content-length')
      res.write('all ')
      res.end('of it')
    } else res.writeEarlyHints({ link: '</style.css>' }, () => res.end(`hello from ${req.headers.host}`))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const url = `http://127.0.0.1:${port}`
  await using program = new Program('nbsocket/http-client.js', [`${url}/`, `${url}/chunks`, `${url}/end`])
  expect(await program.ended()).toBe(0)
  server.close()
  expect(program.output.trim().split('\n')).toEqual([
    `200, text/plain, ${`hello from 127.0.0.1:${port}`.length} bytes`,
    `hello from 127.0.0.1:${port}`,
    '200, text/plain, 12 bytes',
    'first second',
    '200, text/plain, 9 bytes',
    'all of it',
  ])
})

test('dns-over-http.ts answers from the DNS', async () => {
  await using dns = await dnsServer({
    'host.test': { A: [data.ipv4('192.0.2.1')], TXT: [data.text('hello')] },
  })
  process.env.DNS_SERVERS = dns.address
  await using program = new Program('nbsocket/dns-over-http.js')
  delete process.env.DNS_SERVERS
  const url = await program.url()
  const ask = async (query: string) => {
    const response = await fetch(`${url}/resolve?${query}`)
    return [response.status, await response.json()]
  }
  expect(await ask('name=host.test')).toEqual([200, { name: 'host.test', answers: ['192.0.2.1'] }])
  expect(await ask('name=host.test&type=TXT')).toEqual([200, { name: 'host.test', answers: [['hello']] }])
  expect(await ask('name=nobody.test')).toEqual([404, { name: 'nobody.test', error: 'NAME_NOT_FOUND' }])
  expect(await ask('name=broken.test')).toEqual([502, { name: 'broken.test', error: 'LOOKUP_FAILED' }])
  expect((await ask('type=A'))[0]).toBe(400)
})
