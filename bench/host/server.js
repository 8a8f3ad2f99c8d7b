/**
 * One server of the benchmark: `node server.js <kind> <bare|hosted>` sends its port to its parent, and the processor
 * time it has used, in us, whenever it is asked for.
 */
import { createServer } from 'node:http'

const [kind, how] = process.argv.slice(2)
// An app that is not hosted does not load it, and loading alone changes how fast Node is.
const { createHost } = how === 'hosted' ? await import('syncless/host') : {}
const hello = { hello: 'world' }

async function express(name, handler = plain) {
  const { default: make } = await import(name)
  return make().get('/', handler)
}

/** What Express itself does for a response: its ETag, its type, a head and a body. */
function json(_req, res) {
  res.json(hello)
}

async function fastify(name, options) {
  const { default: make } = await import(name)
  const app = make(options)
  app.get('/', async () => hello)
  return app
}

function plain(_req, res) {
  res.setHeader('Content-Type', 'application/json')
  res.end(JSON.stringify(hello))
}

const where = { port: 0, host: '127.0.0.1' }

async function listenBare(listener) {
  const server = createServer(listener)
  await new Promise(done => server.listen(where, done))
  return server.address().port
}

async function listenHosted(...apps) {
  const host = createHost()
  for (const [path, app] of apps) host.mount(path, app)
  return (await host.listen(where)).port
}

/** Each kind, bare and hosted. */
const kinds = {
  plain: {
    bare: () => listenBare(plain),
    hosted: () => listenHosted(['/', plain]),
  },
  express: {
    bare: async () => listenBare(await express('express')),
    hosted: async () => listenHosted(['/', await express('express')]),
  },
  'express, res.json()': {
    bare: async () => listenBare(await express('express', json)),
    hosted: async () => listenHosted(['/', await express('express', json)]),
  },
  'express beside another app': {
    bare: async () => listenBare(await express('express')),
    hosted: async () => listenHosted(['/', await express('express')], ['/other', plain]),
  },
  'express 4': {
    bare: async () => listenBare(await express('express4')),
    hosted: async () => listenHosted(['/', await express('express4')]),
  },
  fastify: {
    bare: async () => {
      const app = await fastify('fastify')
      await app.listen(where)
      return app.server.address().port
    },
    hosted: async () => {
      const host = createHost()
      await fastify('fastify', { serverFactory: host.serverFactory('/') })
      return (await host.listen(where)).port
    },
  },
}

process.send(await kinds[kind][how]())
process.on('message', () => {
  const { user, system } = process.cpuUsage()
  process.send(user + system)
})
