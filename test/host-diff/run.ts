/**
 * Runs the corpus: `node build/host-diff/run.js`, on any Node. Each program runs on its framework alone and in a host,
 * with the same bytes, and what differs is printed.
 *
 *     --only TEXT     programs with TEXT in their name, which begins with the framework and the theme
 *     --show WAY      and print their transcripts in the arrangement of this name
 *     --share I/N     every N-th theme, from the I-th on
 *     --alter NAME    in a host that does something wrong (alter.ts); exits with 1 if no program notices
 *     --json          the verdicts as JSON lines
 */
import { alterations } from './alter.js'
import type { Alteration, Arrangement, Guest, Opened } from './arrangement.js'
import { type Chapter, expressChapters, fastifyChapters } from './corpus.js'
import { isMeant } from './meant.js'
import { observe, startObserving } from './observe.js'
import type { ExpressProgram, FastifyProgram } from './program.js'
import { Session } from './session.js'
import { PATIENCE, Talk, turns } from './talk.js'
import { differences, transcript } from './transcript.js'

/** A program that takes this many milliseconds waits for something that nothing brings about. */
const SLOW = 250

/** How often a program is run again whose transcripts differ. */
const RETRIES = 3

/** What came of one program in one arrangement. */
export interface Verdict {
  readonly program: string
  readonly arrangement: string
  /** How often it was run again until both showed the same. */
  readonly again: number
  readonly differences: readonly string[]
}

type Program = ExpressProgram | FastifyProgram

interface Run<P> extends Guest<P> {
  readonly name: string
  talk?: Talk
}

/** Runs programs in one arrangement, all at once if they fit; their transcripts by name. */
async function perform<P extends Program>(
  runs: readonly Run<P>[],
  arrangement: Arrangement<P>,
  alter: Alteration | undefined,
  into: Map<string, string[]>,
): Promise<void> {
  const alone = runs.length === 1 ? (runs[0]?.session ?? null) : null
  observe(alone)
  let opened: Opened
  try {
    opened = await arrangement.open(runs, alter)
  } catch (error) {
    for (const { name } of runs) into.set(`${name}|${arrangement.name}`, [`it did not start: ${error}`])
    return
  }
  for (const run of runs) {
    observe(run.session)
    run.talk = new Talk(run.session, opened.port)
    const begun = performance.now()
    await run.talk.run(run.program.say)
    await turns()
    const taken = performance.now() - begun
    if (taken > SLOW) process.stderr.write(`${run.name}, ${arrangement.name}: ${taken.toFixed(0)} ms\n`)
  }
  observe(alone)
  const closed = await inTime(opened.close())
  for (const { name, session, talk } of runs) {
    if (!closed) session.stuck ||= 'its close does not end'
    const clients = talk?.clients ?? []
    const ports = [opened.port, ...clients.map(client => client.port)]
    into.set(`${name}|${arrangement.name}`, transcript(session, clients, ports))
  }
  observe(null)
}

async function inTime(work: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<boolean>(resolve => {
    timer = setTimeout(resolve, PATIENCE, false)
  })
  const done = await Promise.race([late, work.then(() => true)])
  clearTimeout(timer)
  return done
}

function* batches<P extends Program>(runs: readonly Run<P>[], crowd: boolean): Generator<readonly Run<P>[]> {
  const together = crowd ? runs.filter(({ program }) => program.http === undefined) : []
  if (together.length > 0) yield together
  for (const run of runs) if (!together.includes(run)) yield [run]
}

async function judge<P extends Program>(
  chapter: Chapter<P>,
  only: string,
  alter: Alteration | undefined,
  tell: (verdict: Verdict, lines: readonly string[]) => void,
): Promise<void> {
  const entries = chapter.programs.map(([name, program], index) => ({
    name: `${chapter.title}: ${name}`,
    program,
    at: `/p${index}`,
  }))
  const chosen = entries.filter(({ name }) => name.toLowerCase().includes(only.toLowerCase()))
  const arrangements = chapter.arrangements.filter(({ name, like }) => alter === undefined || isAlterable(name, like))
  const makeRun = ({ at, ...entry }: (typeof entries)[number], arrangement: Arrangement<P>): Run<P> => ({
    ...entry,
    session: new Session(chapter.major, atRoot(arrangement) ? '' : at),
  })
  const shown = new Map<string, string[]>()
  for (const arrangement of arrangements) {
    const runs = chosen.filter(({ program }) => arrangement.takes(program)).map(named => makeRun(named, arrangement))
    for (const batch of batches(runs, arrangement.crowd)) await perform(batch, arrangement, alter, shown)
  }
  for (const named of chosen) {
    const { name } = named
    for (const arrangement of arrangements.filter(({ takes }) => takes(named.program))) {
      const like = arrangements.find(other => other.name === arrangement.like)
      const look = () =>
        [shown.get(`${name}|${like?.name}`) ?? [], shown.get(`${name}|${arrangement.name}`) ?? []] as const
      let [bare, lines] = look()
      let found = compare(name, arrangement, bare, lines)
      let again = 0
      // Large bodies come in pieces of any size, and a busy machine is late: so two bare runs may differ as well.
      while (found.length > 0 && alter === undefined && again++ < RETRIES) {
        for (const way of like === undefined ? [arrangement] : [like, arrangement]) {
          await perform([makeRun(named, way)], way, alter, shown)
        }
        ;[bare, lines] = look()
        const next = compare(name, arrangement, bare, lines)
        if (next.length === 0) found = next
      }
      tell({ program: name, arrangement: arrangement.name, again, differences: found }, lines)
    }
  }
}

const atRoot = ({ name }: { readonly name: string }) => !/path|stripped/.test(name)

const isAlterable = (name: string, like: string | null) =>
  name === 'bare' || (like === 'bare' && /^(host\.server|serverFactory)\(/.test(name))

function compare(
  name: string,
  { name: arrangement, like }: Arrangement<never>,
  bare: readonly string[],
  lines: string[],
) {
  const stuck = lines.filter(line => line.startsWith('STUCK') || line.startsWith('it did not start'))
  if (like === null || stuck.length > 0) return stuck
  const found = differences(bare, lines)
  const meant = isMeant(name, arrangement)
  if (meant === null) return found
  if (found.length === 0) return meant.always ? [`a difference that is meant is not there: ${meant.says}`] : []
  return meant.shows.test(lines.join('\n')) ? [] : found
}

async function main(args: readonly string[]): Promise<void> {
  const option = (name: string) => (args.includes(name) ? (args[args.indexOf(name) + 1] ?? '') : undefined)
  const [share = 1, shares = 1] = (option('--share') ?? '1/1').split('/').map(Number)
  const alterName = option('--alter')
  const alter = alterName === undefined ? undefined : alterations[alterName]
  if (alterName !== undefined && alter === undefined) throw new Error(`there is no alteration ${alterName}`)
  let failed = 0
  let count = 0
  let unsteady = 0
  const tell = (verdict: Verdict, lines: readonly string[]) => {
    count++
    if (verdict.again > 0) unsteady++
    if (verdict.differences.length > 0) failed++
    if (args.includes('--json')) console.log(JSON.stringify(verdict))
    else {
      if (option('--show') === verdict.arrangement)
        console.log(`== ${verdict.program} | ${verdict.arrangement}\n${lines.join('\n')}`)
      if (verdict.differences.length > 0 && alter === undefined) {
        console.log(`${verdict.program} | ${verdict.arrangement}\n  ${verdict.differences.join('\n  ')}`)
      }
    }
  }
  startObserving()
  const only = option('--only') ?? ''
  const mine = <T>(chapters: readonly T[]) => chapters.filter((_, index) => index % shares === share - 1)
  for (const chapter of mine(expressChapters())) await judge(chapter, only, alter, tell)
  for (const chapter of mine(fastifyChapters())) await judge(chapter, only, alter, tell)
  if (!args.includes('--json')) console.log(`${count} runs, ${failed} of them differ, ${unsteady} were run again`)
  process.exit(alter === undefined ? Math.min(failed, 1) : Number(failed === 0))
}

main(process.argv.slice(2)).catch(error => {
  process.stderr.write(`${error.stack}\n`)
  process.exit(2)
})
