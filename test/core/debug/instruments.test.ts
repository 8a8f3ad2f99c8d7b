import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import {
  addInstrument,
  channel,
  current,
  go,
  type Instrument,
  schedule,
  type Tasklet,
} from '../../../src/core/index.js'
import { loop } from '../../../src/core/loop/loop.js'
import { meantWarnings } from '../../warnings.js'
import { idle } from '../support.js'

meantWarnings(/an error sent on "bad" was dropped/)

/** An instrument that logs each hook with the name of the tasklet. */
function logging(log: string[]): Instrument {
  const note = (what: string) => (t: Tasklet<unknown>) => void log.push(`${what} ${t.name}`)
  return {
    onSpawn: note('spawn'),
    onReady: note('ready'),
    onSwitch: note('switch'),
    onBlock: (t, op) => void log.push(`block ${t.name}: ${op.describe()}`),
    onKill: note('kill'),
    onExit: t => void log.push(`exit ${t.name}: ${t.state}`),
  }
}

function observe(instrument: Instrument): { [Symbol.dispose](): void } {
  return { [Symbol.dispose]: addInstrument(instrument) }
}

test('every hook is called where its event happens, in order', async () => {
  const log: string[] = []
  const ch = channel<number>(0, { name: 'ch' })
  using _ = observe(logging(log))
  const t = go(function* t() {
    yield* ch.receive()
    yield* schedule()
    yield* ch.receive()
  })
  await idle()
  ch.trySend(1)
  await idle()
  t.kill()
  await idle()
  expect(log).toEqual([
    'spawn t',
    'ready t',
    'switch t',
    'block t: receive on "ch"',
    'ready t',
    'switch t',
    'block t: schedule',
    'ready t',
    'switch t',
    'block t: receive on "ch"',
    'kill t',
    'ready t',
    'switch t',
    'exit t: killed',
  ])
})

test('a kill is announced once: self-kill, kill before the start, kill again', async () => {
  const log: string[] = []
  using _ = observe({ onKill: t => void log.push(t.name), onExit: t => void log.push(`exit ${t.name}`) })
  go(function* self() {
    current().kill()
  })
  const early = go(function* early() {})
  early.kill()
  early.kill()
  await idle()
  expect(log).toEqual(['early', 'exit early', 'self', 'exit self'])
})

test('while there is none the loop has none, and the last one to go leaves none', () => {
  const before = loop.instruments
  const instrument = {}
  const removals = [addInstrument(instrument), addInstrument(instrument)]
  expect(loop.instruments).not.toBeNull()
  for (const remove of removals) {
    remove()
    remove()
  }
  expect(loop.instruments).toBe(before)
})

test('one that throws is removed and reported; the others, and the tasklet, go on', async () => {
  const warned = jest.spyOn(process, 'emitWarning').mockImplementation(() => {})
  const log: string[] = []
  using _bad = observe({
    onSwitch: () => {
      throw new Error('broken')
    },
    onExit: () => void log.push('the broken one was called again'),
  })
  using _good = observe({ onExit: t => void log.push(t.name) })
  expect(await go(() => 'result')).toBe('result')
  await idle()
  expect(log).toHaveLength(1)
  expect(warned.mock.calls.map(([text]) => text)).toEqual(['an instrument threw in onSwitch, and was removed: broken'])
  warned.mockRestore()
})

test('what an instrument does itself is not reported to instruments, and runs outside the tasklet', async () => {
  const spawned: string[] = []
  const running: unknown[] = []
  const remove = addInstrument({
    onSpawn: t => {
      spawned.push(t.name)
      if (spawned.length < 10) go(function* byInstrument() {})
    },
    onBlock: () => void running.push(loop.current),
  })
  await go(function* first() {
    yield* schedule()
  })
  remove()
  await idle()
  expect(spawned).toEqual(['first'])
  expect(running).toEqual([null])
})

test('a hook that kills who passes its turn on takes nothing back that has committed', async () => {
  const ch = channel<number>()
  ch.preference = -1
  const receiver = go(() => ch.receive())
  await idle()
  const log: string[] = []
  const sender = go(function* () {
    try {
      yield* ch.send(1)
      log.push('sent')
      yield* schedule()
    } finally {
      log.push('killed')
    }
  })
  const other = go(function* () {
    for (let i = 0; i < 3; i++) yield* schedule()
  })
  using _ = observe({ onBlock: t => void (t === sender && t.kill()) })
  await idle()
  expect(log).toEqual(['sent', 'killed'])
  expect([await receiver, sender.state, other.state, loop.readyCount]).toEqual([1, 'killed', 'done', 0])
})

test('an instrument keeps its this, private fields included', async () => {
  class Counter implements Instrument {
    #count = 0
    onSpawn(): void {
      this.#count++
    }
    get count(): number {
      return this.#count
    }
  }
  const counter = new Counter()
  using _ = observe(counter)
  await go(() => {})
  expect(counter.count).toBe(1)
})

test.each([[null], [undefined], ['x'], [Symbol('x')]])('addInstrument(%p) is refused', bad => {
  expect(() => addInstrument(bad as never)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
})

test('diagnostics_channel: spawn, kill, exit, the end of a channel, drops and reports', async () => {
  const log: string[] = []
  const names = ['tasklet.spawn', 'tasklet.kill', 'tasklet.exit', 'channel.end', 'channel.drop', 'report']
  type Message = { tasklet?: Tasklet<unknown>; channel?: { name: string }; error?: unknown }
  const listeners = names.map(name => {
    const listener = (message: unknown) => {
      const { tasklet, channel: ch, error } = message as Message
      // What other tests left is collected at any time, and the channels of diagnostics are those of the process.
      if (Object(error).code === 'TASKLET_COLLECTED') return
      const failure = error instanceof Error ? ` ${error.message}` : ''
      log.push(`${name} ${tasklet?.name ?? ch?.name ?? 'of'}${failure}`)
    }
    subscribe(`syncless.${name}`, listener)
    return () => unsubscribe(`syncless.${name}`, listener)
  })
  const ch = channel<number>(1, { name: 'ch' })
  const t = go(function* t() {
    yield* ch.send(1)
    yield* ch.send(2)
  })
  await idle()
  await t.kill()
  ch.cancel()
  const bad = channel<number>(1, { name: 'bad' })
  await bad.sendError(new Error('in band'))
  bad.cancel()
  for (const stop of listeners) stop()
  expect(log).toEqual([
    'tasklet.spawn t',
    'tasklet.kill t',
    'tasklet.exit t the tasklet was killed',
    'channel.drop ch',
    'channel.end ch',
    'channel.drop bad',
    'report of in band',
    'channel.end bad',
  ])
})
