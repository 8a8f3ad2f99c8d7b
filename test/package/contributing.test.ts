/**
 * docs/adding-a-framework.md, followed to the letter: its steps are done in a copy of the sources, and the host that they
 * start is asked for what the page says it answers.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { full } from '../sized.js'

interface Step {
  readonly does: string
  readonly file: string | undefined
  readonly code: string
}

const page = readFileSync('docs/adding-a-framework.md', 'utf8')
const steps = page
  .split(/^### \d+\. /m)
  .slice(1)
  .map(toStep)
const answers = [...page.matchAll(/^\| `(\/.*?)` \| (\d+) \| (?:`(.*?)`)? ?\|$/gm)].map(
  ([, url = '', status, body]) => ({ url, status: Number(status), body }),
)

function toStep(section: string): Step {
  const [, does, file, code] = /^(.*?)(?: `(.*)`)?\n.*?^```\w+\n(.*?)^```$/ms.exec(section) ?? []
  if (does === undefined || code === undefined) throw new Error(`a step without a block of code: ${section}`)
  return { does, file, code }
}

/** A command of the page, on the Node that runs this test. */
function command(line: string): [name: string, args: string[], env: NodeJS.ProcessEnv] {
  const [name = '', ...args] = line.trim().split(' ')
  const PATH = `${path.dirname(process.execPath)}${path.delimiter}${process.env.PATH}`
  return [name, args, { ...process.env, PATH, PORT: '0' }]
}

/** What a contributor has after `npm ci`. */
function copyOfSources(): string {
  const root = mkdtempSync(path.join(tmpdir(), 'syncless-contributing-'))
  for (const name of ['src', 'package.json', 'tsconfig.base.json', 'tsconfig.build.json']) {
    cpSync(name, path.join(root, name), { recursive: true })
  }
  symlinkSync(path.resolve('node_modules'), path.join(root, 'node_modules'))
  return root
}

/** Does one step; gives the process that it has started, if it starts one. */
function follow(root: string, { does, file, code }: Step): ChildProcess | null {
  const target = path.join(root, file ?? '')
  switch (does) {
    case 'Create':
      if (existsSync(target)) throw new Error(`${file} exists`)
      mkdirSync(path.dirname(target), { recursive: true })
      writeFileSync(target, code)
      return null
    case 'Add a line to':
      if (!existsSync(target) || code.trim().includes('\n'))
        throw new Error(`not one line in a file that exists: ${file}`)
      appendFileSync(target, code)
      return null
    case 'Build the package': {
      const [name, args, env] = command(code)
      execFileSync(name, args, { cwd: root, env, stdio: 'pipe' })
      return null
    }
    case 'Start the host': {
      const [name, args, env] = command(code)
      return spawn(name, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] })
    }
    default:
      throw new Error(`a step that this test cannot do: ${does}`)
  }
}

/** The address that a program says it listens on. Fails with what it wrote to stderr if it ends before. */
async function address({ stdout, stderr }: ChildProcess): Promise<string> {
  if (stdout === null || stderr === null) throw new Error('its output is not piped')
  const errors = text(stderr)
  stdout.setEncoding('utf8')
  let output = ''
  for await (const chunk of stdout.iterator({ destroyOnReturn: false })) {
    output += chunk
    const [, port] = /localhost:(\d+)/.exec(output) ?? []
    if (port !== undefined) return `http://127.0.0.1:${port}`
  }
  throw new Error(await errors)
}

/** Follows steps in a fresh copy, and calls `ask` with the address of the host. */
async function followAll(list: readonly Step[], ask: (url: string) => Promise<void>): Promise<void> {
  const root = copyOfSources()
  let host: ChildProcess | null = null
  try {
    for (const step of list) host = follow(root, step) ?? host
    if (host === null) throw new Error('no step starts the host')
    await ask(await address(host))
  } finally {
    if (host !== null && host.exitCode === null && host.kill('SIGKILL')) await once(host, 'close')
    rmSync(root, { recursive: true })
  }
}

async function asThePageSays(url: string): Promise<void> {
  for (const { url: target, status, body } of answers) {
    const response = await fetch(url + target)
    const received = await response.text()
    expect({ target, status: response.status }).toEqual({ target, status })
    if (body !== undefined) expect(received).toBe(body)
  }
}

test('each script that CONTRIBUTING.md names is one, and each tool has a script of its name', () => {
  const scripts: Record<string, string> = JSON.parse(readFileSync('package.json', 'utf8')).scripts
  const named = [...readFileSync('CONTRIBUTING.md', 'utf8').matchAll(/npm run ([\w:-]+)/g)].map(([, name]) => name)
  expect(named.length).toBeGreaterThan(5)
  expect(Object.keys(scripts)).toEqual(expect.arrayContaining(named))
  for (const tool of readdirSync('tools')) expect(scripts[path.parse(tool).name]).toBe(`node tools/${tool}`)
})

test('CONTRIBUTING.md sends its reader to the page, which has steps and answers', () => {
  expect(readFileSync('CONTRIBUTING.md', 'utf8')).toContain('(docs/adding-a-framework.md)')
  expect(steps.length).toBeGreaterThan(3)
  expect(answers.length).toBeGreaterThan(3)
})

test('who follows every step hosts the framework', () => followAll(steps, asThePageSays))

/** Why nobody gets through who leaves out the step of the same place. */
const reasons = [
  /Cannot find module '.*trail\.mjs'/,
  /Command failed: npx tsc/,
  /no adapter recognises an instance of Trail/,
  /Cannot find module '.*dist.*'/,
  /Cannot find module '.*app\.mjs'/,
  /no step starts the host/,
]

// Each of them costs a build.
if (full) {
  test('there is a reason for each step', () => {
    expect(reasons).toHaveLength(steps.length)
  })

  test.each(steps.map((left, index) => ({ left, reason: reasons[index] })))(
    'who leaves out "$left.does" $left.file gets no further: $reason',
    async ({ left, reason }) => {
      const rest = steps.filter(step => step !== left)
      await expect(followAll(rest, asThePageSays)).rejects.toThrow(reason)
    },
  )
}
