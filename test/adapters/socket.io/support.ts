import { end as endOf, type Pair, pair } from './pairs.js'

const pairs: Pair[] = []

/** A pair that is ended after the test. */
export async function connected(options: Parameters<typeof pair>[0] = {}): Promise<Pair> {
  const made = await pair(options)
  pairs.push(made)
  return made
}

afterEach(async () => {
  await Promise.all(pairs.splice(0).map(endOf))
})

/** Waits until `read` gives the same for a while: longer than an event is on its way. */
export async function plateau<T>(read: () => T): Promise<T> {
  for (let before: unknown, value = read(), calm = 0; ; before = value, value = read()) {
    calm = value === before ? calm + 1 : 0
    if (calm === 50) return value
    await new Promise(resolve => setTimeout(resolve, 2))
  }
}

/** How `work` ended, however long it takes. */
export const settled = (work: PromiseLike<unknown>): Promise<unknown> =>
  Promise.resolve(
    work.then(
      value => value,
      (error: unknown) => error,
    ),
  )
