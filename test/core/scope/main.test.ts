import { type Scripts, scripts } from '../process.js'

jest.setTimeout(30_000)

let script: Scripts
beforeAll(() => {
  script = scripts()
})
afterAll(() => script.remove())

test('a signal cancels the program, its cleanup may wait, and the process then ends by that signal', async () => {
  const { signal, stdout } = await script.run(`
    setInterval(() => {}, 1000)
    await main(function* () {
      setImmediate(() => process.kill(process.pid, 'SIGTERM'))
      try {
        yield* never
      } finally {
        yield* sleep(1)
        console.log('cleaned up')
      }
    })
  `)
  expect(stdout).toContain('cleaned up')
  expect(signal).toBe('SIGTERM')
})

test('a second signal ends it at once, whatever its cleanup waits for', async () => {
  const { signal, stdout } = await script.run(`
    setInterval(() => {}, 1000)
    await main(function* () {
      setImmediate(() => process.kill(process.pid, 'SIGTERM'))
      try {
        yield* never
      } finally {
        console.log('cleaning up')
        setImmediate(() => process.kill(process.pid, 'SIGINT'))
        yield* shield(60_000, function* () { yield* never })
      }
    })
  `)
  expect(stdout).toBe('cleaning up')
  expect(signal).toBe('SIGINT')
})

test('it gives the result, leaves no signal handler, and passes a failure on', async () => {
  const { code, stdout } = await script.run(`
    console.log(await main(function* () { yield* sleep(1); return 'result' }), process.listenerCount('SIGINT'))
    await main(function* () { throw new Error('failed') }).catch(error => console.log(error.message))
  `)
  expect(stdout).toBe('result 0\nfailed')
  expect(code).toBe(0)
})
