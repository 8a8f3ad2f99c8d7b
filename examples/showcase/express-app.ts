/** Express, as it always is: it takes orders and hands them to the validator through a channel. */
import express, { type Express } from 'express'
import { channel, TimeoutError, timeout } from 'syncless'
import type { Verdict } from './model.js'
import type { Orders } from './orders.js'
import type { Trace } from './trace.js'

export function createExpressApp({ incoming }: Orders, trace: Trace, pageFolder: string): Express {
  const app = express()
  app.use(express.static(pageFolder))
  app.post('/orders', express.json(), async (req, res) => {
    trace.pass('client', 'express', JSON.stringify(req.body) ?? 'no JSON')
    const verdict = channel<Verdict>(1)
    try {
      // Waits until the validator is free to take it: a burst of orders is held back here, and no queue grows.
      await timeout(2000, incoming.send({ body: req.body, verdict }))
      const answer = await verdict.receive()
      res.status(answer.ok ? 202 : 422).json(answer)
    } catch (error) {
      if (!(error instanceof TimeoutError)) throw error
      res.status(503).set('Retry-After', '1').json({ ok: false, problem: 'too many orders at once: try again' })
    }
  })
  return app
}
