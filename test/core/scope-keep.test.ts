/** What a scope keeps that is no tasklet: it is asked to end when the tasklets are gone, and the scope ends after it. */

import type { TaskletExit } from '../../src/core/base/errors.js'
import { go, Scope, scope, sleep } from '../../src/core/index.js'
import { idle, useVirtualClock, watch } from './support.js'

const time = useVirtualClock()

/** Something that takes `ms` to end. */
class Thing {
  readonly log: string[] = []
  readonly scope: Scope
  #ending = false

  readonly #ms: number

  constructor(scope: Scope, ms: number) {
    this.scope = scope
    this.#ms = ms
    scope.keep(this)
  }

  requestExit(exit: TaskletExit): void {
    if (this.#ending) return
    this.#ending = true
    this.log.push(`asked (${exit.source})`)
    if (this.#ms === 0) this.#end()
    else time.clock.setTimer(() => this.#end(), this.#ms)
  }

  blockers(): [] {
    return []
  }

  #end(): void {
    this.log.push('ended')
    this.scope.letGo(this)
    this.scope.letGo(this)
  }
}

test('it is asked when the last tasklet is gone, and the scope ends after it', async () => {
  let thing: Thing | undefined
  const run = watch(
    scope(function* (scope) {
      thing = new Thing(scope, 10)
      const other = new Thing(scope, 0)
      go(function* () {
        yield* sleep(5)
        expect([thing?.log, other.log]).toEqual([[], []])
      })
      return 'value'
    }),
  )
  await time.clock.advance(5)
  await idle()
  expect([thing?.log, run.outcome]).toEqual([['asked (cancel)'], 'pending'])
  await time.clock.advance(10)
  await idle()
  expect([thing?.log, run.outcome]).toEqual([['asked (cancel)', 'ended'], 'value'])
})

test('one that ends before is let go, and holds nothing up', async () => {
  const owner = new Scope()
  const thing = new Thing(owner, 10)
  owner.letGo(thing)
  await owner.close()
  expect(thing.log).toEqual([])
})

test('a failure asks it too, and is thrown when it has ended', async () => {
  let thing: Thing | undefined
  const run = watch(
    scope(function* (scope) {
      thing = new Thing(scope, 10)
      throw new Error('failed')
    }),
  )
  await idle()
  expect([thing?.log, run.outcome]).toEqual([['asked (failure)'], 'pending'])
  await time.clock.advance(10)
  await idle()
  expect(run.outcome).toEqual(new Error('failed'))
})

test('the cancel of a scope that is held asks it when cleanup is over, though nobody has closed the scope', async () => {
  const owner = new Scope()
  const thing = new Thing(owner, 10)
  owner.go(function* () {
    try {
      yield* sleep(1000)
    } finally {
      yield* sleep(7)
    }
  })
  await idle()
  owner.cancel()
  await time.clock.advance(6)
  expect(thing.log).toEqual([])
  await time.clock.advance(1)
  await idle()
  expect(thing.log).toEqual(['asked (cancel)'])
  const late = new Thing(owner, 0)
  expect(late.log).toEqual(['asked (cancel)', 'ended'])
  await time.clock.advance(10)
  await owner.close()
  expect(owner.ended).toBe(true)
})

test('a scope that has ended keeps nothing', async () => {
  const over = new Scope({ name: 'over' })
  await over.close()
  expect(() => new Thing(over, 0)).toThrow(expect.objectContaining({ code: 'SCOPE_CLOSED' }))
})

test('ten thousand that end at once, and ten thousand that end one by one, are asked once each', async () => {
  const owner = new Scope()
  let asked = 0
  const leaving: (() => void)[] = []
  for (let i = 0; i < 20_000; i++) {
    const member = {
      requestExit: () => {
        asked++
        if (i % 2 === 0) owner.letGo(member)
        else leaving.push(() => owner.letGo(member))
      },
      blockers: () => [],
    }
    owner.keep(member)
  }
  const over = owner.close()
  expect([asked, owner.ended]).toEqual([20_000, false])
  for (const leave of leaving) leave()
  await over
  expect([asked, owner.ended]).toEqual([20_000, true])
})
