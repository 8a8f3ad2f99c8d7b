import path from 'node:path'
import { Program } from './program.js'

const certificates = path.resolve('test/fixtures/tls')

async function portOf(program: Program): Promise<number> {
  return Number((await program.printed(/listening on port (\d+)/))[1])
}

test('echo-server.ts and echo-client.ts', async () => {
  await using server = new Program('nbsocket/echo-server.js')
  const env = { PORT: String(await portOf(server)) }
  await using program = new Program('nbsocket/echo-client.js', ['one', 'two'], env)
  expect(await program.ended()).toBe(0)
  expect(program.output).toBe('echo: one\necho: two\n')
})

test('heartbeat.ts notices a peer that is silent', async () => {
  await using program = new Program('nbsocket/heartbeat.js')
  expect(await program.ended()).toBe(0)
  expect(program.output).toBe('left: no beat for 200 ms (TIMEOUT)\nright: the other one has left\n')
})

test('tls-echo.ts', async () => {
  await using program = new Program('nbsocket/tls-echo.js', [certificates])
  expect(await program.ended()).toBe(0)
  expect(program.output).toBe(
    'secured by TLSv1.3 with server\necho: nobody else can read this\nwithout the authority: CERTIFICATE_REJECTED\n',
  )
})

test('starttls.ts', async () => {
  await using program = new Program('nbsocket/starttls.js', [certificates])
  expect(await program.ended()).toBe(0)
  expect(program.output).toBe('220 say STARTTLS\n220 go ahead\nyou are alice, over TLSv1.3\n')
})

test('many-connections.ts serves as many at once as the limit allows, and says how many', async () => {
  // Fewer than it could: this is run beside other tests.
  await using program = new Program('nbsocket/many-connections.js', ['1500'])
  expect(await program.ended()).toBe(0)
  const [, answered, count] = /^(\d+) of (\d+) connections at once/.exec(program.output) ?? []
  expect(answered).toBe(count)
  expect(Number(count)).toBeGreaterThan(400)
})
