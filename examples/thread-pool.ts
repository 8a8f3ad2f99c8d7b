// Threads compute what would block the loop, which goes on serving; who has to wait too long ends the thread.
import express from 'express'
import { timeout } from 'syncless'
import { createHost } from 'syncless/host'
import * as worker from 'syncless/worker'

const pool = worker.threadPool({ maxThreads: 2, maxQueue: 100 })

/** It is sent to a thread as its source, and sees nothing else of this file. */
function countPrimes(below: number): number {
  let count = 0
  for (let n = 2; n < below; n++) {
    let prime = true
    for (let d = 2; d * d <= n; d++) if (n % d === 0) prime = false
    if (prime) count++
  }
  return count
}

const app = express()
app.get('/primes/:below', async (req, res) => {
  const count = await timeout(1000, pool.run(countPrimes, [Number(req.params.below)]), { else: null })
  if (count === null) res.status(503).send('that takes too long')
  else res.json({ count })
})
app.get('/busy', (_req, res) => {
  res.json(pool.statistics())
})

const host = createHost()
host.mount('/', app)
const { port } = await host.run({ port: Number(process.env.PORT ?? 3000) })
console.log(`listening on http://localhost:${port}`)
