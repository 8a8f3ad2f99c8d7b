import { go, sleep, timeout } from '../../../../src/core/index.js'
import { exec, ProcessFailed } from '../../../../src/core/nbsocket/process/exec.js'
import { popen } from '../../../../src/core/nbsocket/process/popen.js'
import { leakCheck } from '../../../../src/testing/index.js'
import { rejection } from '../../support.js'

describe('exec', () => {
  test('gives what was written, and the code', async () => {
    expect(await exec('/bin/sh', ['-c', 'cat; echo err >&2'], { input: 'in' })).toEqual({
      stdout: 'in',
      stderr: 'err\n',
      code: 0,
      signal: null,
    })
  })

  test('fails by another code, with what was written', async () => {
    const error = await rejection(exec('/bin/sh', ['-c', 'echo half; echo reason >&2; exit 3']))
    expect(error).toBeInstanceOf(ProcessFailed)
    expect(error).toMatchObject({
      code: 'PROCESS_FAILED',
      message: '"/bin/sh" ended with code 3: reason',
      result: { code: 3, signal: null, stdout: 'half\n', stderr: 'reason\n' },
    })
    expect(await exec('false', [], { check: false })).toMatchObject({ code: 1 })
  })

  test('fails by a signal', async () => {
    const error = await rejection(exec('/bin/sh', ['-c', 'kill -9 $$']))
    expect(error).toMatchObject({ code: 'PROCESS_FAILED', result: { code: null, signal: 'SIGKILL' } })
  })

  test('terminates what writes more than the limit', async () => {
    const check = leakCheck()
    expect(await rejection(exec('yes', [], { limit: 1000 }))).toMatchObject({ code: 'READ_LIMIT' })
    await check.assertNone()
  })

  test('terminates its process when it is killed or times out', async () => {
    const check = leakCheck()
    const t = go(() => exec('sleep', ['60']))
    await sleep(20)
    await t.kill()
    expect(await rejection(timeout(20, exec('sleep', ['60'])))).toMatchObject({ code: 'TIMEOUT' })
    await check.assertNone()
  })

  test('does not mind a process that does not read its input', async () => {
    const input = Buffer.alloc(1e6)
    expect(await exec('true', [], { input })).toMatchObject({ code: 0 })
  })

  test('fails where there is no such program', async () => {
    expect(await rejection(exec('/no/such/program'))).toMatchObject({ code: 'SPAWN_FAILED' })
  })
})

describe('popen', () => {
  test('is a file of what a command of the shell reads and writes', async () => {
    const file = await popen('sort | head -1')
    await file.write('b\na\n')
    await file.close()
    expect(await file.readAll()).toBe('a\n')
    expect(await file.exit).toEqual({ code: 0, signal: null })
  })

  test('terminates what the shell has started', async () => {
    const check = leakCheck()
    const file = await popen('sleep 60; echo never')
    expect(await file.process.terminate()).toEqual({ code: null, signal: 'SIGTERM' })
    expect(await file.readAll()).toBe('')
    await check.assertNone()
  })
})
