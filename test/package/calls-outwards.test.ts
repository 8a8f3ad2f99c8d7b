/** The tables of the READMEs beside the sources are true: each row names sources and tests that exist, and no function is left out. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { linesOf, rows, sourcesIn, testsIn } from './calls-outwards.js'

const CONTRACT = 'test/package/calls-outwards-contract.test.ts'

/** Whether a file has a test, or a group of tests, of this title. */
function hasTest(file: string, title: string): boolean {
  const quoted = title.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  return new RegExp(`\\(\\s*(['"\`])${quoted}\\1,`).test(readFileSync(file, 'utf8'))
}

describe('a row', () => {
  test.each(rows.map(row => [row.what, row] as const))('%s', (_what, row) => {
    for (const source of sourcesIn(row)) expect([source, existsSync(source)]).toEqual([source, true])
    expect(sourcesIn(row)).not.toEqual([])
    const tests = testsIn(row.shownBy)
    expect(tests).not.toEqual([])
    for (const [file, title] of tests) {
      expect([file, existsSync(file)]).toEqual([file, true])
      // That file goes through the rows.
      if (file !== CONTRACT) expect([file, title, hasTest(file, title ?? '')]).toEqual([file, title, true])
    }
    for (const cell of Object.values(row)) expect(cell).not.toBe('')
  })

  test.each(linesOf('What is kept for how long'))('of what is kept: %s %s', (_readme, line) => {
    expect(testsIn(line)).not.toEqual([])
    for (const [file] of testsIn(line)) expect([file, existsSync(file)]).toEqual([file, true])
  })
})

/** Everything but comments. */
function codeOf(file: string): string {
  return readFileSync(file, 'utf8').replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '')
}

const sources = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .filter(name => name.endsWith('.ts'))
  .map(name => path.join('src', name))

/** The files of which an entry point exports something. */
const published = new Set(
  sources
    .filter(file => path.basename(file) === 'index.ts')
    .flatMap(index =>
      [...readFileSync(index, 'utf8').matchAll(/from '(\.[^']*)\.js'/g)].map(([, name]) =>
        path.join(path.dirname(index), `${name}.ts`),
      ),
    ),
)

const inTables = new Set(rows.flatMap(sourcesIn))

/** Those that call no function of a user's: which, instead, is theirs. */
const OWN: Readonly<Record<string, string>> = {
  'src/core/channel/channel-iterator.ts': 'the end of an iteration, for the channel',
  'src/core/nbsocket/process/spawn.ts': 'what starts a process, for the operations on processes',
  'src/core/nbsocket/bytes/send-all.ts': 'what sends, for the sockets',
  'src/core/ops/sleep.ts': 'timers of the package',
  'src/testing/idle.ts': 'the question of the virtual clock',
  'src/testing/virtual-clock.ts': 'timers of the core',
  'src/host/memory/memory-socket.ts': 'a method of Node’s sockets',
  'src/adapters/shared/http/request-body.ts': 'the end of a body, for its bridge',
  'src/adapters/socket.io/disconnected.ts': 'listeners of the bridges',
  'src/adapters/socket.io/outlet.ts': 'the end of a drain, for the bridges',
  'src/adapters/ws/outlet.ts': 'the end of a drain, for the bridges',
}

/** `map?: (value: T) => O`, `onExit?(tasklet): void`, or a type that is known for a function. */
const FUNCTION_MEMBER =
  /^ {2}(?:readonly )?(\w+)\??(?:: \(.*\) => .*|\(.*\): .*|: (?:CloseWith|ReadinessCheck|Encoder<.*>|Serve))$/gm

describe('no function is left out:', () => {
  const options = sources.flatMap(file =>
    [...codeOf(file).matchAll(/^export interface (\w+)[^{]*\{\n([\s\S]*?)^\}/gm)]
      // Those of users: parts of the package talk to each other in others.
      .filter(([, name = '']) => /(Options|^Instrument)$/.test(name))
      .flatMap(([, , body = '']) =>
        [...body.matchAll(FUNCTION_MEMBER)].map(([, member = '']) => [file, member] as const),
      ),
  )

  test('there are as many as a reader finds', () => {
    expect(options.length).toBeGreaterThan(30)
  })

  test.each(options)('%s: the option %s', (file, member) => {
    const naming = rows.filter(
      row =>
        sourcesIn(row).includes(file) &&
        (row.what.includes(member) || (/^on[A-Z]/.test(member) && row.what.includes('hooks'))),
    )
    expect([file, member, naming.length > 0]).toEqual([file, member, true])
  })

  const calling = sources.filter(file => /from '[./\w]*\/callback\.js'/.test(codeOf(file)))
  test.each(calling)('%s, which uses the helper', file => {
    expect([file, inTables.has(file) || file in OWN]).toEqual([file, true])
  })

  const exported = sources.filter(file => takesFunctions(file) && isPublic(file))
  test.each(exported)('%s, which exports something that takes a function', file => {
    expect([file, inTables.has(file) || file in OWN]).toEqual([file, true])
  })

  test.each(Object.keys(OWN))('%s is listed for a reason', file => {
    expect([...calling, ...exported]).toContain(file)
  })
})

/** Whether an exported function, or a method, has a parameter that is a function. */
function takesFunctions(file: string): boolean {
  const code = codeOf(file)
  const signatures = [
    ...code.matchAll(/^export (?:async )?function\*? \w+[^(]*\(([\s\S]*?)\)(?:: .*)? \{$/gm),
    ...code.matchAll(/^ {2}(?:async )?\*?[a-z]\w*(?:<.*?>)?\((.*)\)(?:: .*)? \{$/gm),
  ]
  return signatures.some(([, parameters = '']) =>
    /: [^,]*=> |\b(TaskletFunction|Executor|CloseCallback|Serve|\w+Handler)\b/.test(parameters),
  )
}

/** Whether an entry point of the package exports something of it. */
function isPublic(file: string): boolean {
  return published.has(file)
}
