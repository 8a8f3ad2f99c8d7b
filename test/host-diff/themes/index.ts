import type { ExpressProgram, Theme } from '../program.js'
import * as express from './express.js'

export const expressThemes: Readonly<Record<string, Theme<ExpressProgram>>> = express
