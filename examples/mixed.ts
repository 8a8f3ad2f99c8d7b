// Express and Fastify on one port.
import express from 'express'
import { fastify } from 'fastify'
import { createHost } from 'syncless/host'

const host = createHost()

const shop = express()
shop.get('/', (_req, res) => {
  res.send('hello from Express')
})
host.mount('/', shop)

const api = fastify({ serverFactory: host.serverFactory('/api') })
api.get('/api/hello', async () => ({ hello: 'from Fastify' }))

const { port } = await host.run({ port: Number(process.env.PORT ?? 3000) })
console.log(`listening on http://localhost:${port}`)
