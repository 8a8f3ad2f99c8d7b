import { loop } from '../core/loop.js'
import { Random } from '../core/random.js'

/**
 * Seeds the choices that the loop makes, such as those of `select` among ready branches: the same seed gives the same
 * run. Returns what puts the generator that was there before back in its place.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { always, select } from 'syncless'
 * import { seed } from 'syncless/testing'
 *
 * async function run(): Promise<string> {
 *   const restore = seed(42)
 *   let choices = ''
 *   for (let i = 0; i < 20; i++) choices += (await select({ a: always(1), b: always(2) })).key
 *   restore()
 *   return choices
 * }
 * assert.equal(await run(), await run())
 * ```
 */
export function seed(value: number): () => void {
  const before = loop.random
  loop.random = new Random(value)
  return () => {
    loop.random = before
  }
}
