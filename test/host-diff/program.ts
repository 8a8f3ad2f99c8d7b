/**
 * What the corpus is made of. A program is an app of a few lines, and what a client says to it; the same one runs on a
 * bare framework and in a host, on both majors of its framework unless it says otherwise.
 */
import type { Server } from 'node:http'
import type express from 'express'
import type { Express } from 'express'
import type { FastifyInstance, FastifyServerOptions } from 'fastify'
import type { NodeHttpOptions } from 'syncless/host'
import type { Tools } from './session.js'
import type { Step } from './talk.js'

interface Common {
  /** The majors it runs on. Default: both. */
  readonly majors?: readonly number[]
  /** What the client does. */
  readonly say: readonly Step[]
  /** Options of the one server, bare or the host's. */
  readonly http?: NodeHttpOptions
  /** Run at the root alone: a target of it has no path, its server ends while it runs, or it takes its time. */
  readonly alone?: true
}

export interface ExpressProgram extends Common {
  /** Declares the app's routes. */
  app?(app: Express, tools: Tools & { readonly express: typeof express }): void
  /** For apps that want their server, `http.createServer(app)`: gets it before it listens. */
  server?(server: Server, tools: Tools, app: Express): void
}

export interface FastifyProgram extends Common {
  /** Not run where paths are stripped: Express, which does that to a bare one, knows no other event and leaves its marks. */
  readonly unstripped?: true
  /** Of `fastify()`. */
  options?(tools: Tools): FastifyServerOptions
  /** Declares routes and hooks; under a prefix it is a plugin. */
  app(app: FastifyInstance, tools: Tools): unknown
  /** What only the instance itself takes: hooks of its start and end, and whatever else is not a plugin's. */
  root?(app: FastifyInstance, tools: Tools): unknown
}

/** Programs by name, of one theme. */
export type Theme<P> = Readonly<Record<string, P>>
