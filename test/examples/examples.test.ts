import { Program } from './program.js'

test('express.ts serves an Express app, and Ctrl-C drains and exits', async () => {
  await using program = new Program('express.js')
  expect(await (await fetch(await program.url())).text()).toBe('hello from Express')
  program.child.kill('SIGINT')
  expect(await program.ended()).toBe(0)
})

test('mixed.ts serves Express and Fastify on one port', async () => {
  await using program = new Program('mixed.js')
  const url = await program.url()
  expect(await (await fetch(url)).text()).toBe('hello from Express')
  expect(await (await fetch(`${url}/api/hello`)).json()).toEqual({ hello: 'from Fastify' })
})

test('handlers-meet.ts answers the POST when the GET has taken the job', async () => {
  await using program = new Program('handlers-meet.js')
  const url = await program.url()
  const [posted, got] = await Promise.all([
    fetch(`${url}/jobs/sweep`, { method: 'POST' }),
    fetch(`${url}/api/next-job`).then(response => response.json()),
  ])
  expect(posted.status).toBe(202)
  expect(got).toEqual({ job: 'sweep' })
})

test('handlers-meet.ts answers 503 when nobody takes the job', async () => {
  await using program = new Program('handlers-meet.js')
  expect((await fetch(`${await program.url()}/jobs/sweep`, { method: 'POST' })).status).toBe(503)
})

test('observable.ts receives in order, and counts what it dropped', async () => {
  await using program = new Program('observable.js')
  expect(await program.ended()).toBe(0)
  const ticks = [...program.output.matchAll(/^tick (\d+)$/gm)].map(match => Number(match[1]))
  const dropped = Number(/^dropped (\d+)$/m.exec(program.output)?.[1])
  expect(ticks).toEqual([...ticks].sort((a, b) => a - b))
  expect(ticks.length + dropped).toBe(20)
  expect(dropped).toBeGreaterThan(0)
})

test('thread-pool.ts serves while its threads compute, and gives up what takes too long', async () => {
  await using program = new Program('thread-pool.js')
  const url = await program.url()
  expect(await (await fetch(`${url}/primes/1000`)).json()).toEqual({ count: 168 })
  const endless = fetch(`${url}/primes/1e99`)
  for (let running = 0; running === 0; ) running = (await (await fetch(`${url}/busy`)).json()).running
  expect((await endless).status).toBe(503)
  expect(await (await fetch(`${url}/busy`)).json()).toMatchObject({ running: 0, queued: 0, waiting: 0 })
  program.child.kill('SIGINT')
  expect(await program.ended()).toBe(0)
})
