// An Express app, hosted as it is.
import express from 'express'
import { createHost } from 'syncless/host'

const app = express()
app.get('/', (_req, res) => {
  res.send('hello from Express')
})

const host = createHost()
host.mount('/', app)
const { port } = await host.run({ port: Number(process.env.PORT ?? 3000) })
console.log(`listening on http://localhost:${port}`)
