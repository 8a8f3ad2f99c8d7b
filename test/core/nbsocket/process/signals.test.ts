import { go, scope, sleep } from '../../../../src/core/index.js'
import { signals } from '../../../../src/core/nbsocket/process/signals.js'
import { type Scripts, scripts } from '../../process.js'
import { rejection, watch } from '../../support.js'
import { thrown, turns } from '../file-support.js'

/** Jest's process gets no signals of the system: as the listeners of a real one see them. */
function send(...names: NodeJS.Signals[]): void {
  for (const name of names) process.emit(name, name)
}

const listeners = () => process.listenerCount('SIGUSR2') + process.listenerCount('SIGHUP')

test('each signal is received, by every channel', async () => {
  const both = signals('SIGUSR2', 'SIGHUP')
  const one = signals('SIGHUP')
  const waiting = watch(both.receive())
  await turns()
  send('SIGUSR2', 'SIGHUP')
  await turns()
  expect([waiting.outcome, await both.receive(), await one.receive()]).toEqual(['SIGUSR2', 'SIGHUP', 'SIGHUP'])
  both.cancel()
  one.cancel()
  expect(listeners()).toBe(0)
})

test('a kind that is pending is kept once, and drops no other', async () => {
  const ch = signals('SIGUSR2', 'SIGHUP')
  send('SIGUSR2', 'SIGUSR2', 'SIGHUP', 'SIGUSR2')
  expect(ch.statistics()).toMatchObject({ buffered: 2, dropped: 2 })
  expect([await ch.receive(), await ch.receive()]).toEqual(['SIGUSR2', 'SIGHUP'])
  send('SIGUSR2')
  expect(await ch.receive()).toBe('SIGUSR2')
  ch.cancel()
})

test('the channel ends with its scope, and stops to listen', async () => {
  let waiting: { outcome: unknown } | undefined
  await scope(function* () {
    const ch = signals('SIGUSR2')
    waiting = watch(Promise.resolve().then(() => ch.receive()))
    yield* sleep(1)
    expect(listeners()).toBe(1)
  })
  await turns()
  expect(waiting?.outcome).toMatchObject({ code: 'SCOPE_CLOSED' })
  expect(listeners()).toBe(0)
})

test('a tasklet that is killed while it receives leaves the signal to others', async () => {
  const ch = signals('SIGHUP')
  const t = go(() => ch.receive())
  await turns()
  await t.kill()
  send('SIGHUP')
  expect(await ch.receive()).toBe('SIGHUP')
  ch.cancel()
  expect(await rejection(ch.receive())).toMatchObject({ code: 'CHANNEL_CLOSED' })
})

test.each([[[]], [['SIGNOT']], [['SIGHUP', 'SIGNOT']], [[Symbol('SIGHUP')]], [[null]]])(
  '%j is INVALID_ARGUMENT',
  names => {
    expect(thrown(() => signals(...(names as unknown as NodeJS.Signals[])))).toMatchObject({ code: 'INVALID_ARGUMENT' })
    expect(listeners()).toBe(0)
  },
)

describe('in a process', () => {
  let script: Scripts
  beforeAll(() => {
    script = scripts({ nbsocket: true })
  })
  afterAll(() => script.remove())

  test('a signal that is received does not end it; one that is cancelled does again', async () => {
    const { stdout, signal } = await script.run(`
      const ch = nbsocket.signals('SIGTERM', 'SIGUSR2')
      setInterval(() => {}, 1000)
      process.kill(process.pid, 'SIGTERM')
      console.log(await ch.receive())
      process.kill(process.pid, 'SIGUSR2')
      console.log(await ch.receive())
      ch.cancel()
      process.kill(process.pid, 'SIGTERM')`)
    expect([stdout, signal]).toEqual(['SIGTERM\nSIGUSR2', 'SIGTERM'])
  })

  test('a signal that cannot be listened to is INVALID_ARGUMENT, and waiting keeps no process alive', async () => {
    const { stdout, code } = await script.run(`
      for (const names of [['SIGKILL'], ['SIGHUP', 'SIGSTOP']]) {
        try { nbsocket.signals(...names) } catch (error) { console.log(error.code) }
      }
      console.log(process.listenerCount('SIGHUP'))
      go(() => nbsocket.signals('SIGHUP').receive())`)
    expect([stdout, code]).toEqual(['INVALID_ARGUMENT\nINVALID_ARGUMENT\n0', 0])
  })
})
