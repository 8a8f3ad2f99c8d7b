/** A console needs standard streams of its own: each program runs in a process. */

import type { ChildProcessWithoutNullStreams } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { type Scripts, scripts } from '../../process.js'

let script: Scripts
beforeAll(() => {
  script = scripts({ nbsocket: true })
})
afterAll(() => script.remove())

/** Collects what a program writes. */
class Conversation {
  output = ''
  readonly child: ChildProcessWithoutNullStreams
  readonly ended: Promise<number | null>

  constructor(child: ChildProcessWithoutNullStreams) {
    this.child = child
    child.stdout.on('data', data => {
      this.output += data
    })
    child.stderr.on('data', data => {
      this.output += data
    })
    this.ended = once(child, 'close').then(([code]) => code)
  }

  /** Waits until `text` has been written. */
  async saw(text: string): Promise<void> {
    while (!this.output.includes(text)) {
      if (this.child.exitCode !== null) throw new Error(`it ended without writing ${text}:\n${this.output}`)
      await Promise.race([once(this.child.stdout, 'data'), once(this.child.stderr, 'data'), this.ended])
    }
  }

  say(text: string): void {
    this.child.stdin.write(text)
  }
}

const echo = `
  const console = nbsocket.nbconsole()
  let ticks = 0
  const ticker = go(function* () { for (;;) { yield* sleep(1); ticks++ } })
  await go(function* () {
    for (;;) {
      yield* console.write('> ')
      const line = yield* console.readLine()
      if (line === '') break
      yield* console.write('you said ' + line.trim() + (ticks > 5 ? ', and others ran' : '') + '\\n')
    }
    yield* console.write('bye\\n')
  })
  await ticker.kill()`

test.each([
  ['pipes', false],
  ['a terminal', true],
])('in %s it prompts, and others run while it waits; the end of the input is the end', async (_, terminal) => {
  if (terminal && !existsSync('/usr/bin/script')) return
  const talk = new Conversation(script.start(echo, terminal))
  await talk.saw('> ')
  await new Promise(resolve => setTimeout(resolve, 50))
  talk.say('héllo\n')
  await talk.saw('you said héllo, and others ran')
  if (terminal) talk.say('\u0004')
  else talk.child.stdin.end()
  await talk.saw('bye')
  expect(await talk.ended).toBe(0)
})

test.each([
  ['a pipe', false],
  ['a terminal', true],
])('%s that is still open does not keep a process alive in which nobody reads', async (_, terminal) => {
  if (terminal && !existsSync('/usr/bin/script')) return
  const talk = new Conversation(
    script.start(
      `const console = nbsocket.nbconsole()
       await console.write('first? ')
       const first = await console.readLine()
       await console.write('got ' + first)
       if (nbsocket.nbconsole() !== console) await console.write('another one')
       await timeout(1, console.readLine(), { else: '' })`,
      terminal,
    ),
  )
  await talk.saw('first? ')
  talk.say('one\n')
  await talk.saw('got one')
  expect(await talk.ended).toBe(0)
  expect(talk.output).not.toContain('another one')
})
