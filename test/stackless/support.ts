/** What the tests of the facade share: each case runs in main, and again in a tasklet while main sits in `run()`. */
import type { Co, Op } from '../../src/core/index.js'
import { getruncount, main, run, switchTrap, tasklet } from '../../src/stackless/index.js'

type Case = () => Co<void>

/** Runs a case as the main tasklet, and says whether it left something runnable. */
export async function inMain(body: Case): Promise<void> {
  await main(function* () {
    yield* body()
    expect(getruncount()).toBe(1)
  })
}

/** Runs a case in a tasklet that is not main, as the original's AsTaskletTestCase does. */
export async function inTasklet(body: Case): Promise<void> {
  await main(function* () {
    const t = new tasklet(body).setup()
    yield* run()
    expect([t.alive, getruncount()]).toEqual([false, 1])
  })
}

/** Declares a case that holds wherever it runs. */
export function everywhere(name: string, body: Case): void {
  test(`${name}, in main`, () => inMain(body))
  test(`${name}, in a tasklet`, () => inTasklet(body))
}

/** Declares a case that is about the main tasklet. */
export function onMain(name: string, body: Case): void {
  test(name, () => inMain(body))
}

type Work = Op<unknown> | Co<unknown> | (() => unknown)

/** What `work` throws: an operation, a coroutine or a plain call; fails where it does not. */
export function* thrownBy(work: Work): Co<unknown> {
  try {
    if (typeof work === 'function') work()
    else yield* work
  } catch (error) {
    return error
  }
  throw new Error('nothing was thrown')
}

/** Says that `work` throws an error with this code and this very message. */
export function* throws(work: Work, code: string, message?: string): Co<void> {
  expect(yield* thrownBy(work)).toMatchObject(message === undefined ? { code } : { code, message })
}

/** Says that `work` throws an error of this class. */
export function* raises(work: Work, type: new (...args: never[]) => Error, message?: string): Co<void> {
  const error = yield* thrownBy(work)
  expect(error).toBeInstanceOf(type)
  if (message !== undefined) expect(error).toMatchObject({ message })
}

/** Performs `body` with the switch trap set. */
export function* trapped(body: () => Co<void>): Co<void> {
  switchTrap(1)
  try {
    yield* body()
  } finally {
    switchTrap(-1)
  }
}
