/** What an app that starts no tasklet does not pay for. It needs a process in which nothing else is loaded. */
import { execFileSync } from 'node:child_process'
import { resolve } from 'node:path'

const root = resolve(__dirname, '../..')

function run(source: string): unknown {
  const output = execFileSync(process.execPath, ['--input-type=module', '-e', source], { cwd: root, encoding: 'utf8' })
  return JSON.parse(output)
}

test('a hosted request of a process without tasklets enters no AsyncLocalStorage; once one can start, it joins', () => {
  const seen = run(`
    import { AsyncLocalStorage } from 'node:async_hooks'
    import { createHost } from 'syncless/host'
    let entered = 0
    const { run } = AsyncLocalStorage.prototype
    AsyncLocalStorage.prototype.run = function (...args) { entered++; return run.apply(this, args) }
    const joined = []
    let go = null
    const host = createHost()
    const get = async () => (await fetch('http://127.0.0.1:' + host.address().port)).text()
    host.mount('/', async (req, res) => {
      await null
      if (go !== null) joined.push(go(function* () {}).scope?.name ?? null)
      res.end()
    })
    await host.listen({ port: 0, host: '127.0.0.1' })
    await get()
    const before = entered
    ;({ go } = await import('syncless'))
    await get()
    console.log(JSON.stringify({ before, joined }))
    process.exit()`)
  expect(seen).toEqual({ before: 0, joined: ['request GET /'] })
})
