import type { ExpressProgram, FastifyProgram, Theme } from '../program.js'
import * as express from './express.js'
import * as fastify from './fastify.js'

export const expressThemes: Readonly<Record<string, Theme<ExpressProgram>>> = express
export const fastifyThemes: Readonly<Record<string, Theme<FastifyProgram>>> = fastify
