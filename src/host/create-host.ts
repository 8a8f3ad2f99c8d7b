import type { Host } from './host.js'
import { HttpHost } from './http-host.js'
import type { HostOptions } from './options.js'

/**
 * Makes a host: one server and one port for apps of several frameworks, which are mounted unchanged.
 *
 * @example
 * ```ts
 * import express from 'express'
 * import fastify from 'fastify'
 * import { createHost } from 'syncless/host'
 *
 * const host = createHost()
 * host.mount('/', express().get('/hello', (_req, res) => { res.send('Express') }))
 *
 * const api = fastify({ serverFactory: host.serverFactory('/api') })
 * api.get('/api/hello', async () => 'Fastify')
 *
 * const { port } = await host.listen({ port: 0, host: '127.0.0.1' })
 * for (const path of ['/hello', '/api/hello']) {
 *   console.log(await (await fetch(`http://127.0.0.1:${port}${path}`)).text())
 * }
 * await host.close()
 * ```
 */
export function createHost(options: HostOptions = {}): Host {
  return new HttpHost(options)
}
