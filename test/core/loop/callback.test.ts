/** Calls outwards run where they were registered, and what they throw or reject with is decided. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { current, enterScope, go, Scope, sleep } from '../../../src/core/index.js'
import { ask, listener, onNobodysBehalf, registered, tell } from '../../../src/core/loop/callback.js'
import { reported, turns } from '../../adapters/support.js'

const storage = new AsyncLocalStorage<string>()

test('registered() keeps the async context and the scope of its call, and passes on what the function throws', async () => {
  const scope = new Scope({ name: 'where it was registered' })
  const call = storage.run('registered', () =>
    enterScope(scope, () => registered(() => [storage.getStore(), scope.size, go(() => sleep(0))])),
  )
  const [store, before] = await go(() => storage.run('caller', () => call()))
  expect([store, before]).toEqual(['registered', 0])
  expect(scope.size).toBe(1)
  await scope.close()
  const throwing = registered(() => {
    throw new Error('its own')
  })
  expect(throwing).toThrow('its own')
})

test('a call runs on behalf of no tasklet', async () => {
  const isTasklet = () => {
    try {
      return current() !== undefined
    } catch {
      return false
    }
  }
  await go(function* () {
    yield* sleep(0)
    expect(isTasklet()).toBe(true)
    expect([registered(isTasklet)(), onNobodysBehalf(isTasklet)]).toEqual([false, false])
  })
})

test('a listener that throws or rejects is reported, and hurts nobody', async () => {
  const warnings = await reported(async () => {
    listener('a listener', () => {
      throw new Error('thrown')
    })()
    listener('a listener', async () => {
      throw new Error('rejected')
    })()
    tell('an observer', () => {
      throw new Error('told')
    })
    await turns()
  })
  expect(warnings).toEqual(['a listener threw: thrown', 'an observer threw: told', 'a listener was rejected: rejected'])
})

test('ask() gives what was to be given otherwise, where there is no answer', async () => {
  const answers: unknown[] = []
  const warnings = await reported(async () => {
    answers.push(ask('a key', 'otherwise', (value: string) => value, 'given'))
    answers.push(
      ask('a key', 'otherwise', (): string => {
        throw new Error('no')
      }),
    )
    answers.push(ask('a key', 'otherwise', () => Promise.resolve('late') as unknown as string))
  })
  expect(answers).toEqual(['given', 'otherwise', 'otherwise'])
  expect(warnings).toEqual(['a key threw: no'])
})

describe('onFailure of a scope', () => {
  test('can start something again', async () => {
    const runs: string[] = []
    const outer = new Scope({ name: 'outer' })
    const start = (name: string) =>
      enterScope(outer, () => {
        const scope = new Scope({ name, onFailure: () => void go(() => void runs.push(`again after ${name}`)) })
        scope.go(function* () {
          runs.push(name)
          yield* sleep(0)
          throw new Error('no')
        })
      })
    start('first')
    while (runs.length < 2) await turns(1)
    expect(runs).toEqual(['first', 'again after first'])
    await outer.close()
  })

  test('runs in the context of its registration', async () => {
    const seen = new Promise(resolve => {
      storage.run('registered', () => {
        const scope = new Scope({ onFailure: () => resolve(storage.getStore()) })
        storage.run('elsewhere', () =>
          scope.go(() => {
            throw new Error('no')
          }),
        )
      })
    })
    expect(await seen).toBe('registered')
  })
})
