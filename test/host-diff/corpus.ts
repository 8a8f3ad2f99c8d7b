/** Every program there is. */
import type { Arrangement } from './arrangement.js'
import { expressArrangements } from './express.js'
import { fastifyArrangements } from './fastify.js'
import type { ExpressProgram, FastifyProgram, Theme } from './program.js'
import { expressThemes, fastifyThemes } from './themes/index.js'

/** The programs of one theme on one major, and the ways to run them. */
export interface Chapter<P> {
  readonly title: string
  readonly major: number
  readonly programs: readonly (readonly [string, P])[]
  readonly arrangements: readonly Arrangement<P>[]
}

function chapters<P extends { majors?: readonly number[] }>(
  framework: string,
  themes: Readonly<Record<string, Theme<P>>>,
  arrangements: readonly Arrangement<P>[],
): Chapter<P>[] {
  return [4, 5].flatMap(major =>
    Object.entries(themes).map(([name, theme]) => ({
      title: `${framework} ${major}, ${name}`,
      major,
      programs: Object.entries(theme).filter(([, { majors }]) => majors?.includes(major) !== false),
      arrangements,
    })),
  )
}

export const expressChapters = (): Chapter<ExpressProgram>[] => chapters('Express', expressThemes, expressArrangements)
export const fastifyChapters = (): Chapter<FastifyProgram>[] => chapters('Fastify', fastifyThemes, fastifyArrangements)
