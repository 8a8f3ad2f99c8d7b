/** Real database servers, on loopback, each with a data folder of its own that is gone with it. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, existsSync, mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { host, portOf } from './support.js'

/** PostgreSQL and MariaDB refuse to run as root. */
const nobody = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : null

export interface Database {
  readonly port: number
  stop(): Promise<void>
}

interface Installed {
  readonly name: string
  /** Where the system's package puts its programs. */
  readonly program: string
  /** What makes the data folder ready. */
  prepare?(folder: string): void
  arguments(folder: string, port: number): string[]
  /** What the server prints when it takes connections. */
  readonly ready: RegExp
}

function newest(folder: string): string {
  const versions = existsSync(folder) ? readdirSync(folder).sort((a, b) => Number(b) - Number(a)) : []
  return join(folder, versions[0] ?? '0', 'bin')
}

const postgresPrograms = newest('/usr/lib/postgresql')

export const postgresServer: Installed = {
  name: 'postgresql',
  program: join(postgresPrograms, 'postgres'),
  prepare: folder => {
    const options = ['-D', join(folder, 'data'), '-U', 'root', '-A', 'trust', '--no-sync', '--locale=C', '-E', 'UTF8']
    execFileSync(join(postgresPrograms, 'initdb'), options, { stdio: 'pipe', cwd: folder, ...nobody })
  },
  arguments: (folder, port) => ['-D', join(folder, 'data'), '-h', host, '-p', String(port), '-k', '', '-F'],
  ready: /ready to accept connections/,
}

export const mariadbServer: Installed = {
  name: 'mariadb-server',
  program: '/usr/sbin/mariadbd',
  // Without tables of privileges: whoever can connect may do anything.
  arguments: (folder, port) => [
    '--no-defaults',
    '--skip-grant-tables',
    '--skip-name-resolve',
    `--datadir=${folder}`,
    `--socket=${join(folder, 's')}`,
    `--pid-file=${join(folder, 'pid')}`,
    `--bind-address=${host}`,
    `--port=${port}`,
    '--innodb-flush-log-at-trx-commit=0',
    '--innodb-log-file-size=4M',
  ],
  ready: /ready for connections/,
}

export const redisServer: Installed = {
  name: 'redis-server',
  program: '/usr/bin/redis-server',
  arguments: (folder, port) => ['--bind', host, '--port', String(port), '--save', '', '--dir', folder],
  ready: /[Rr]eady to accept connections/,
}

/** `describe` where the server is installed; elsewhere its tests are left out, and a line says so. */
export function describeWith({ name, program }: Installed): jest.Describe | typeof describe.skip {
  if (existsSync(program)) return describe
  process.stderr.write(`${name} is not installed: its tests are left out\n`)
  return describe.skip
}

/** Starts it; settles when it takes connections. */
export async function start(server: Installed): Promise<Database> {
  const folder = mkdtempSync(join(tmpdir(), `${server.name}-`))
  if (nobody !== null) chownSync(folder, nobody.uid, nobody.gid)
  server.prepare?.(folder)
  const port = await freePort()
  const child = spawn(server.program, server.arguments(folder, port), { cwd: folder, ...nobody })
  const ended = once(child, 'close')
  await said(child, server)
  return {
    port,
    stop: async () => {
      child.kill('SIGKILL')
      await ended
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, host)
  await once(server, 'listening')
  const port = portOf(server)
  server.close()
  await once(server, 'close')
  return port
}

function said(child: ChildProcess, { name, ready }: Installed): Promise<void> {
  let text = ''
  return new Promise((resolve, reject) => {
    const listen = (chunk: Buffer) => {
      text += chunk
      if (ready.test(text)) resolve()
    }
    child.stdout?.on('data', listen)
    child.stderr?.on('data', listen)
    child.on('error', reject).on('exit', () => reject(new Error(`${name} has ended before it was ready:\n${text}`)))
  })
}

/** How many sockets this process has open. */
export function openSockets(): number {
  return readdirSync('/proc/self/fd').filter(fd => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith('socket:')
    } catch {
      // The descriptor with which the folder was read.
      return false
    }
  }).length
}
