/** `npm start`: runs the showcase. `npm start -- --check` drives all of it once over real connections. */
import { parseArgs } from 'node:util'
import { SynclessError } from 'syncless'
import { check } from './check.js'
import { createShowcase } from './showcase.js'

const { values } = parseArgs({
  options: {
    check: { type: 'boolean', default: false },
    port: { type: 'string', default: process.env.PORT ?? '3000' },
  },
})

if (values.check) process.exitCode = (await check()) ? 0 : 1
else await serve(Number(values.port))

async function serve(port: number): Promise<void> {
  const { host } = await createShowcase()
  try {
    const address = await host.run({ port })
    console.log(whatToTry(`http://localhost:${address.port}`))
  } catch (error) {
    if (!(error instanceof SynclessError)) throw error
    console.error(`${error.code}: ${error.message}\nTry: npm start -- --port 0`)
    process.exit(1)
  }
}

function whatToTry(url: string): string {
  return `
syncless: Express, Fastify, Socket.IO, RxJS, a stream and tasklets on one port.

  Open      ${url}/
            in a browser, then in a second tab, and close that one.

  Order     curl -i ${url}/orders -H 'Content-Type: application/json' \\
              -d '{"product":"tea","quantity":2,"price":350}'
            Express takes it; a tasklet validates it. Try "quantity":0.

  Feed      curl -N ${url}/api/feed
            Fastify streams what the tasklet accepted, as NDJSON.

  File      curl ${url}/file | sha256sum
            64 MiB from the disk through a channel.

Ctrl-C drains and exits; a second one exits at once.
`
}
