/** The tables of the READMEs beside the sources. */
import { readFileSync } from 'node:fs'
import path from 'node:path'

/** A row of a table "Calls outwards". */
export interface Row {
  readonly readme: string
  /** The user's function. */
  readonly what: string
  readonly where: string
  readonly context: string
  readonly throws: string
  readonly rejects: string
  readonly neverSettles: string
  readonly reenters: string
  readonly shownBy: string
}

const READMES = ['src/core/README.md', 'src/host/README.md', 'src/adapters/README.md']

/** The lines of the tables in a section, without their heads. */
export function linesOf(section: string): [readme: string, line: string][] {
  return READMES.flatMap(readme => {
    const [, text = ''] = readFileSync(readme, 'utf8').split(`\n## ${section}\n`)
    const [own = ''] = text.split('\n## ')
    const lines = own.split('\n').filter(line => line.startsWith('| '))
    return lines.slice(1).map((line): [string, string] => [readme, line])
  })
}

export const rows: readonly Row[] = linesOf('Calls outwards').map(([readme, line]) => {
  const cells = line.split('|').map(cell => cell.trim())
  const [
    ,
    what = '',
    where = '',
    context = '',
    throws = '',
    rejects = '',
    neverSettles = '',
    reenters = '',
    shownBy = '',
  ] = cells
  return { readme, what, where, context, throws, rejects, neverSettles, reenters, shownBy }
})

/** The sources that a text names in backquotes, from the folder of its README. */
export function sourcesIn({ readme, where }: Pick<Row, 'readme' | 'where'>): string[] {
  return [...where.matchAll(/`([\w./-]+\.ts)`/g)].map(([, name = '']) => path.join(path.dirname(readme), name))
}

/** The tests that a cell names: files, each with a title. */
export function testsIn(cell: string): [file: string, title: string | undefined][] {
  return [...cell.matchAll(/`(test\/[\w./-]+)`(?:: “([^”]+)”)?/g)].map(([, file = '', title]) => [
    `${file}.test.ts`,
    title,
  ])
}
