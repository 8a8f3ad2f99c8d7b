/** Ways to run a program: on its framework alone, and in a host. */
import type { RequestListener } from 'node:http'
import { createRequire } from 'node:module'
import type express from 'express'
import type fastify from 'fastify'
import { createHost, type Host, type NodeHttpOptions } from 'syncless/host'
import { observed } from './observe.js'
import type { Session } from './session.js'

/** A program about to run, with what it notes. */
export interface Guest<P> {
  readonly program: P
  readonly session: Session
}

/** Something that listens. */
export interface Opened {
  readonly port: number
  close(): Promise<void>
}

export interface Arrangement<P> {
  readonly name: string
  /** The bare arrangement whose transcripts it must show; null for a bare one. */
  readonly like: string | null
  /** Whether its apps are under paths of their own, so that many fit. */
  readonly crowd: boolean
  /** Whether the program can be run in this way. */
  takes(program: P): boolean
  open(guests: readonly Guest<P>[], alter?: Alteration): Promise<Opened>
}

/** A host that is not as it should be. */
export type Alteration = (handler: RequestListener) => RequestListener

const load = createRequire(import.meta.url)

export const expressOf = (major: number): typeof express => load(major === 4 ? 'express4' : 'express')
export const fastifyOf = (major: number): typeof fastify => load(major === 4 ? 'fastify4' : 'fastify')

export const LOCAL = { port: 0, host: '127.0.0.1' } as const

export function makeHost(http: NodeHttpOptions): Host {
  return createHost({
    http,
    onError: error => {
      if (error.code !== 'MALFORMED_REQUEST') observed()?.note('host', error.code, error.message)
    },
  })
}

export async function listening(host: Host): Promise<Opened> {
  const { port } = await host.listen(LOCAL)
  return {
    port,
    async close() {
      await host.close()
    },
  }
}

/** Apps of all kinds beside those that are watched. */
export function addNeighbours(host: Host, major: number): void {
  const other = major === 4 ? 5 : 4
  host.mount('/', (_req, res) => res.end('a neighbour answered'))
  host.mount('/express', expressOf(other)())
  const app = fastifyOf(other)({ serverFactory: host.serverFactory('/fastify') })
  app.addHook('onRequest', async () => 'a neighbour answered')
  host.server('/socket').on('upgrade', (_req, socket) => socket.destroy())
}
