// A handler of Express and a handler of Fastify meet on a channel.
import express from 'express'
import { fastify } from 'fastify'
import { channel, timeout } from 'syncless'
import { createHost } from 'syncless/host'

const host = createHost()
const jobs = channel<string>() // a rendezvous: a send waits until somebody receives

const shop = express()
shop.post('/jobs/:name', async (req, res) => {
  const taken = await timeout(
    2000,
    jobs.send(req.params.name).map(() => true),
    { else: false },
  )
  res.status(taken ? 202 : 503).end()
})
host.mount('/', shop)

const api = fastify({ serverFactory: host.serverFactory('/api') })
api.get('/api/next-job', async () => ({ job: await jobs.receive() }))

const { port } = await host.run({ port: Number(process.env.PORT ?? 3000) })
console.log(`listening on http://localhost:${port}`)
