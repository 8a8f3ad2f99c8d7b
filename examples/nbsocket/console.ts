// A console at which one starts and stops what runs in the background, while it runs.
import { go, main, sleep, type Tasklet } from 'syncless'
import { nbconsole } from 'syncless/nbsocket'

const HELP = 'start NAME, stop NAME, list, quit\n'

await main(function* () {
  const terminal = nbconsole()
  const running = new Map<string, { tasklet: Tasklet<void>; ticks: number }>()

  function start(name: string): void {
    const entry = { tasklet: go(tick), ticks: 0 }
    function* tick() {
      for (;;) {
        yield* sleep(10)
        entry.ticks++
      }
    }
    running.set(name, entry)
  }

  yield* terminal.write(HELP)
  for (;;) {
    yield* terminal.write('> ')
    const line = yield* terminal.readLine({ limit: 1000 })
    const [command, name = ''] = line.trim().split(/\s+/)
    if (line === '' || command === 'quit') break
    const entry = running.get(name)
    if (command === 'start' && name !== '' && entry === undefined) {
      start(name)
    } else if (command === 'stop' && entry !== undefined) {
      yield* entry.tasklet.kill()
      running.delete(name)
      yield* terminal.write(`${name} has ticked ${entry.ticks} times\n`)
    } else if (command === 'list') {
      for (const [name, { ticks }] of running) yield* terminal.write(`${name}: ${ticks} ticks\n`)
    } else yield* terminal.write(HELP)
  }
  for (const { tasklet } of running.values()) yield* tasklet.kill()
  yield* terminal.write('bye\n')
})
