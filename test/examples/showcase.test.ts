import { Program } from './program.js'

test('npm start -- --check drives the whole showcase over real connections', async () => {
  await using program = new Program('showcase/main.js', ['--check'])
  const code = await program.ended()
  expect(program.output).not.toContain('FAILED')
  expect(program.output.match(/^ok /gm)).toHaveLength(9)
  expect(code).toBe(0)
}, 60_000)

test('it says what to try, and Ctrl-C drains and exits', async () => {
  await using program = new Program('showcase/main.js')
  const url = await program.url()
  expect((await fetch(url)).status).toBe(200)
  expect(program.output).toMatch(/curl -N .*\/api\/feed/)
  program.child.kill('SIGINT')
  expect(await program.ended()).toBe(0)
})

test('a taken port is said in one line, with the code and the way out', async () => {
  await using first = new Program('showcase/main.js')
  const { port } = new URL(await first.url())
  await using second = new Program('showcase/main.js', ['--port', port])
  expect(await second.ended()).toBe(1)
  expect(second.output).toMatch(/^ADDRESS_IN_USE: /m)
  expect(second.output).toContain('npm start -- --port 0')
})
