import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { transformSync } from '@swc/core'
import { createHost } from '../../src/host/index.js'
import { exchange, get, RawClient } from './support.js'

// Signals and exit codes need a process of their own, which runs the sources as Node loads them.
const dir = mkdtempSync(join(tmpdir(), 'syncless-run-'))

beforeAll(() => {
  writeFileSync(join(dir, 'package.json'), '{ "type": "module" }')
  const src = join(__dirname, '../../src')
  for (const name of readdirSync(src, { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.ts')) continue
    const target = join(dir, 'src', name.replace(/\.ts$/, '.js'))
    mkdirSync(dirname(target), { recursive: true })
    const options = { jsc: { target: 'es2022', parser: { syntax: 'typescript' } }, module: { type: 'es6' } } as const
    writeFileSync(target, transformSync(readFileSync(join(src, name), 'utf8'), options).code)
  }
})

const children: ChildProcess[] = []

afterAll(() => {
  for (const child of children) child.kill('SIGKILL')
  rmSync(dir, { recursive: true })
})

let programs = 0

/** Runs a program in which `host` and `say` exist, until it says its port. */
async function program(body: string) {
  const file = join(dir, `program-${++programs}.js`)
  writeFileSync(
    file,
    `import { createHost } from './src/host/index.js'
    const host = createHost()
    const say = text => process.stdout.write(text + '\\n')
    ${body}`,
  )
  const child = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'inherit'] })
  children.push(child)
  const exit = new Promise<number | null>(resolve => child.once('exit', resolve))
  let text = ''
  let wake = () => {}
  child.stdout?.setEncoding('utf8').on('data', chunk => {
    text += chunk
    wake()
  })
  const said = async (pattern: RegExp): Promise<string> => {
    for (;;) {
      const found = text.match(pattern)
      if (found !== null) return found[1] ?? found[0]
      await new Promise<void>(resolve => {
        wake = resolve
      })
    }
  }
  return { child, exit, said, port: Number(await said(/port (\d+)/)) }
}

const run = `const { port } = await host.run({ port: 0, host: '127.0.0.1', deadline: 50 }); say('port ' + port)`

test.each(['SIGTERM', 'SIGINT'] as const)('%s: drains, then exits with 0', async signal => {
  const { child, exit, said, port } = await program(`
    host.mount('/', (req, res) => {
      say('begun')
      process.once('${signal}', () => setImmediate(() => res.end('the answer')))
    })
    ${run}`)
  const answer = exchange(port, get('/'))
  await said(/begun/)
  child.kill(signal)
  expect(await answer).toContain('the answer')
  expect(await exit).toBe(0)
})

test('exits with 1 when something was left at the deadline', async () => {
  const { child, exit, said, port } = await program(`host.mount('/', () => say('begun')); ${run}`)
  const client = new RawClient(port).send(get('/'))
  await said(/begun/)
  child.kill('SIGTERM')
  await client.closed
  expect(await exit).toBe(1)
})

test('a second signal exits at once', async () => {
  const { child, exit, said, port } = await program(`
    host.mount('/', () => say('begun'))
    process.once('SIGTERM', () => say('draining'))
    ${run.replace('50', '600_000')}`)
  const client = new RawClient(port).send(get('/'))
  await said(/begun/)
  child.kill('SIGTERM')
  await said(/draining/)
  child.kill('SIGINT')
  expect(await exit).toBe(130)
  await client.closed
})

test('several hosts: exits when the last has closed', async () => {
  const { child, exit, said, port } = await program(`
    const idle = createHost()
    await idle.run({ port: 0, host: '127.0.0.1' })
    host.mount('/', (req, res) => {
      say('begun')
      process.once('SIGTERM', () => setTimeout(() => res.end('the answer'), 20))
    })
    ${run.replace('50', '600_000')}`)
  const answer = exchange(port, get('/'))
  await said(/begun/)
  child.kill('SIGTERM')
  expect(await answer).toContain('the answer')
  expect(await exit).toBe(0)
})

test('a host that was closed leaves no signal handler, and one that runs keeps its own', async () => {
  const count = () => ['SIGINT', 'SIGTERM'].map(signal => process.listenerCount(signal))
  const before = count()
  const hosts = [createHost(), createHost()]
  for (const host of hosts) await host.run({ port: 0, host: '127.0.0.1' })
  const running = count()
  expect(running).toEqual(before.map(n => n + 1))
  await hosts[0]?.close()
  expect(count()).toEqual(running)
  await hosts[1]?.close()
  expect(count()).toEqual(before)
})

test('listen() installs no signal handler', async () => {
  const { child, exit } = await program(`
    const { port } = await host.listen({ port: 0, host: '127.0.0.1' })
    say('port ' + port)`)
  child.kill('SIGTERM')
  expect(await exit).toBe(null)
})
