import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { enterScope, go, Scope, scope, select, sleep, timeout } from '../../../../src/core/index.js'
import { nbfile } from '../../../../src/core/nbsocket/file/nbfile.js'
import type { Process } from '../../../../src/core/nbsocket/process/process.js'
import { spawnProcess } from '../../../../src/core/nbsocket/process/spawn.js'
import { leakCheck } from '../../../../src/testing/index.js'
import { rejection, watch } from '../../support.js'
import { thrown, turns } from '../file-support.js'

const invalid = expect.objectContaining({ code: 'INVALID_ARGUMENT' })

/** Whether a process exists, be it as a zombie. */
function exists(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** A shell that says when it is ready: then it has set up what it does on signals. */
function* shell(script: string, options = {}) {
  const child = yield* spawnProcess('/bin/sh', ['-c', `${script}`], options)
  yield* child.stdout.readUntil('ready\n')
  return child
}

const STUBBORN = "trap '' TERM; echo ready; while :; do sleep 0.05; done"

describe('a process', () => {
  test('reads, writes, and tells how it ended, to everyone', async () => {
    await scope(function* () {
      const child = yield* spawnProcess('/bin/sh', ['-c', 'read line; echo "got $line"; echo oops >&2; exit 3'])
      yield* child.stdin.write('it\n')
      expect(yield* child.stdout.text().readAll()).toBe('got it\n')
      expect(yield* child.stderr.text().readAll()).toBe('oops\n')
      expect(yield* child.exit).toEqual({ code: 3, signal: null })
      expect(yield* child.exit).toEqual({ code: 3, signal: null })
      expect(child.kill()).toBe(false)
      expect(child.pid).toBeGreaterThan(0)
    })
  })

  test('is a file by its pipes', async () => {
    await scope(function* () {
      const { stdin, stdout } = yield* spawnProcess('cat')
      const cat = nbfile({ readable: stdout, writable: stdin })
      yield* cat.write('through cat')
      yield* cat.close()
      expect(String(yield* cat.readAll())).toBe('through cat')
    })
  })

  test('has output that can still be read when it has ended, however late', async () => {
    await scope(function* () {
      const child = yield* spawnProcess('/bin/sh', ['-c', 'echo late'])
      yield* child.exit
      yield* sleep(20)
      expect(yield* child.stdout.text().readAll()).toBe('late\n')
    })
  })

  test('is held back while nobody reads its output', async () => {
    await scope(function* () {
      const child = yield* spawnProcess('head', ['-c', '3000000', '/dev/zero'])
      expect(yield* timeout(100, child.exit, { else: 'held back' })).toBe('held back')
      expect(yield* child.stdout.skip()).toBe(3_000_000)
      expect(yield* child.exit).toEqual({ code: 0, signal: null })
    })
  })

  test('gets the environment and the folder that it is given', async () => {
    await scope(function* () {
      const child = yield* spawnProcess('/bin/sh', ['-c', 'echo $COLOUR; pwd'], {
        cwd: '/',
        env: { COLOUR: 'blue' },
        stdin: 'ignore',
        stderr: 'ignore',
      })
      expect(yield* child.stdout.text().readAll()).toBe('blue\n/\n')
      expect(thrown(() => child.stdin)).toEqual(invalid)
      expect(thrown(() => child.stderr)).toEqual(invalid)
    })
  })

  test('can be killed by any signal, and selected with others', async () => {
    await scope(function* () {
      const child = yield* spawnProcess('sleep', ['60'])
      expect((yield* select({ exit: child.exit, late: sleep(5) })).key).toBe('late')
      expect(child.kill('SIGUSR1')).toBe(true)
      expect(yield* child.exit).toEqual({ code: null, signal: 'SIGUSR1' })
      expect(thrown(() => child.kill('SIGNOT' as NodeJS.Signals))).toEqual(invalid)
    })
  })
})

describe('one that cannot be started', () => {
  test.each<[string, string, object]>([
    ['a program that is not there', '/no/such/program', {}],
    ['a file that is no program', '/etc/passwd', {}],
    ['a folder that is not there', 'true', { cwd: '/no/such/folder' }],
  ])('%s is SPAWN_FAILED', async (_, command, options) => {
    const error = await rejection(spawnProcess(command, [], options))
    expect(error).toMatchObject({ code: 'SPAWN_FAILED', cause: { code: expect.stringMatching(/^E/) } })
  })

  test('says in which folder: the system does not tell which of them is not there', async () => {
    const error = await rejection(spawnProcess('true', [], { cwd: '/no/such/folder' }))
    expect(error).toMatchObject({
      message: expect.stringContaining('"true" could not be started in /no/such/folder: '),
    })
  })

  test.each<[string, () => unknown]>([
    ['no command', () => spawnProcess('')],
    ['wrong arguments', () => spawnProcess('true', [1] as unknown as string[])],
    ['a wrong grace', () => spawnProcess('true', [], { grace: Number.NaN })],
    ['a wrong limit', () => spawnProcess('true', [], { limit: 0 })],
    ['no options', () => spawnProcess('true', [], null as unknown as object)],
    ['a wrong stream', () => spawnProcess('true', [], { stdin: 'pipes' as 'pipe' })],
    ['a stream by its number', () => spawnProcess('true', [], { stdout: 5 as unknown as 'pipe' })],
    ['a wrong folder', () => spawnProcess('true', [], { cwd: 5 as unknown as string })],
    ['a wrong environment', () => spawnProcess('true', [], { env: null as unknown as Record<string, string> })],
    ['a wrong group', () => spawnProcess('true', [], { group: 'yes' as unknown as boolean })],
  ])('%s is INVALID_ARGUMENT', (_, make) => {
    expect(thrown(make)).toEqual(invalid)
  })

  test('what Node does not take is SPAWN_FAILED', async () => {
    expect(await rejection(spawnProcess('true', ['\0']))).toMatchObject({ code: 'SPAWN_FAILED' })
  })

  test('in a scope that has ended it is SCOPE_CLOSED', async () => {
    const over = new Scope()
    await over.close()
    const error = await enterScope(over, async () => rejection(spawnProcess('true')))
    expect(error).toMatchObject({ code: 'SCOPE_CLOSED' })
  })
})

describe('the end of the scope', () => {
  test('terminates it, and waits until it is gone: no zombie', async () => {
    let child: Process | undefined
    await scope(function* () {
      child = yield* spawnProcess('sleep', ['60'])
    })
    expect(child?.exit.constructor).toBeDefined()
    expect(await child?.exit).toEqual({ code: null, signal: 'SIGTERM' })
    expect(exists(child?.pid ?? 0)).toBe(false)
  })

  test('kills it after the grace, if it does not go', async () => {
    let child: Process | undefined
    await scope(function* () {
      child = yield* shell(STUBBORN, { grace: 30 })
    })
    expect(await child?.exit).toEqual({ code: null, signal: 'SIGKILL' })
  })

  test('gives it its grace, to end by itself', async () => {
    let child: Process | undefined
    await scope(function* () {
      child = yield* shell("trap 'exit 7' TERM; echo ready; while :; do sleep 0.01; done")
    })
    expect(await child?.exit).toEqual({ code: 7, signal: null })
  })

  test('by a failure, too', async () => {
    let child: Process | undefined
    const failed = scope(function* () {
      child = yield* spawnProcess('sleep', ['60'])
      throw new Error('failed')
    })
    expect(await rejection(failed)).toEqual(new Error('failed'))
    expect(exists(child?.pid ?? 0)).toBe(false)
  })

  test('comes when its last tasklet is gone, whose cleanup may still talk to it', async () => {
    const log: string[] = []
    const running = go(function* () {
      yield* scope(function* () {
        const child = yield* spawnProcess('cat')
        try {
          yield* sleep(60_000)
        } finally {
          yield* child.stdin.write('goodbye\n')
          yield* child.stdin.close()
          log.push(yield* child.stdout.text().readAll())
          log.push(`code ${(yield* child.exit).code}`)
        }
      })
    })
    await sleep(50)
    await running.kill()
    expect(log).toEqual(['goodbye\n', 'code 0'])
  })

  test('of a long-lived scope comes with its cancel', async () => {
    const connection = new Scope({ name: 'connection' })
    const child = await enterScope(connection, () => spawnProcess('sleep', ['60']).then(child => ({ child })))
    connection.cancel()
    expect(await child.child.exit).toEqual({ code: null, signal: 'SIGTERM' })
    await connection.close()
  })

  test('does not hang on a pipe that a process left behind holds open', async () => {
    let left = 0
    await scope(function* () {
      const child = yield* spawnProcess('/bin/sh', ['-c', 'sleep 60 & echo $!'])
      left = Number(yield* child.stdout.text().readLine())
      expect(yield* child.exit).toEqual({ code: 0, signal: null })
    })
    expect(process.kill(left)).toBe(true)
  })

  test('reaches all of a group', async () => {
    let grandchild = 0
    await scope(function* () {
      const child = yield* spawnProcess('/bin/sh', ['-c', 'sleep 60 & echo $!; wait'], { group: true })
      grandchild = Number(yield* child.stdout.text().readLine())
      expect(exists(grandchild)).toBe(true)
    })
    // Whoever adopts it reaps it.
    while (exists(grandchild) && !/\) Z /.test(readFileSync(`/proc/${grandchild}/stat`, 'utf8'))) await sleep(5)
  })
})

test('what stays of a group when its leader has gone is killed after the grace', async () => {
  let stubborn = 0
  await scope(function* () {
    const script = `(trap "" TERM; echo ready; i=0; while [ $((i+=1)) -le 30 ]; do sleep 1; done) & echo $!; wait`
    const child = yield* spawnProcess('/bin/sh', ['-c', script], { group: true, grace: 60 })
    const lines = [yield* child.stdout.text().readLine(), yield* child.stdout.text().readLine()]
    stubborn = Number(lines.find(line => line !== 'ready\n'))
    expect(exists(stubborn)).toBe(true)
  })
  // Whoever adopts it reaps it. By itself it ends after 30 seconds.
  const there = () => exists(stubborn) && !/\) Z /.test(readFileSync(`/proc/${stubborn}/stat`, 'utf8'))
  for (let n = 0; n < 2000 && there(); n++) await sleep(5)
  expect(there()).toBe(false)
})

test('terminate asks, then forces; await using does it', async () => {
  const stubborn = await spawnProcess('/bin/sh', ['-c', STUBBORN], { grace: 30 })
  await stubborn.stdout.readUntil('ready\n')
  const ended = watch(stubborn.terminate())
  await stubborn.terminate()
  await turns()
  expect(ended.outcome).toEqual({ code: null, signal: 'SIGKILL' })
  let pid = 0
  {
    await using child = await spawnProcess('sleep', ['60'])
    pid = child.pid
  }
  expect(exists(pid)).toBe(false)
})

/** How many `sleep` processes there are with this argument. */
function sleepers(argument: string): number {
  const commands = readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .map(pid => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'latin1')
      } catch {
        return ''
      }
    })
  return commands.filter(command => command.startsWith('sleep\0') && command.includes(argument)).length
}

test('a start that loses leaves no process', async () => {
  if (!existsSync('/proc/self/cmdline')) return
  const argument = `60.0${process.pid}`
  for (let i = 0; i < 3; i++) {
    const starting = go(() => spawnProcess('sleep', [argument]))
    for (let n = 0; n < i; n++) await null
    await starting.kill()
  }
  while (sleepers(argument) > 0) await sleep(5)
})

test('many at once leave nothing behind', async () => {
  const check = leakCheck()
  await scope(function* () {
    for (let i = 0; i < 10; i++) {
      go(function* () {
        const child = yield* spawnProcess('sleep', [i % 2 === 0 ? '0' : '60'])
        if (i % 2 === 0) yield* child.exit
      })
    }
  })
  await check.assertNone()
})
