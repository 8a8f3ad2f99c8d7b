/**
 * A fast producer against a consumer that stalls and then is slow: the memory of the process stays within the stated
 * bound of the port's page. In full it makes 1 GB, at the other bridges of a port 256 MB; in small half again the bound.
 * In a process of its own, so that nothing else is measured.
 */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { sized } from '../../sized.js'
import type { Participant } from './participant.js'

/** How much is produced in full for the first bridge of a port, and for each other. */
const megabytes = 1024
const megabytesOfOthers = 256

/** Of the channels of these tests. */
export const capacity = 8

/** What a run has measured. */
export interface Measured {
  readonly chunks: number
  readonly received: number
  readonly dropped: number
  /** How many had been produced when the consumer began to take them. */
  readonly stalled: number
  /** By how much the resident memory has grown at its highest, in MB. */
  readonly growth: number
}

export async function memory(participant: Participant, side: 'sources' | 'sinks', index: number): Promise<void> {
  const { name, port } = participant
  const kind = participant[side][index]
  if (kind === undefined) throw new Error('there is no such participant')
  const page = readFileSync(`docs/bridges/${name}.md`, 'utf8')
  const stated = Number(/\*\*Memory\.\*\* At most (\d+) MB/.exec(page)?.[1])
  expect(stated).toBeGreaterThan(0)
  const { chunks, received, dropped, stalled, growth } = await measure(
    `test/adapters/${name}/participant.ts`,
    side,
    index,
    sized(1.5 * stated, kind === [...participant.sources, ...participant.sinks][0] ? megabytes : megabytesOfOthers),
  )
  // Nothing has disappeared: what was not received was dropped, and counted.
  expect(received + dropped).toBe(chunks)
  const holds =
    side === 'sources' ? port.capabilities.pausable : port.capabilities.holdsBack.includes(kind.way as never)
  if (holds) {
    expect(dropped).toBe(0)
    // In memory to the chunk: one is with the consumer. On a journey it has to stop at all.
    expect(stalled).toBeLessThanOrEqual(participant.medium === 'memory' ? capacity + kind.ahead + 1 : chunks / 3)
  }
  expect(growth).toBeLessThanOrEqual(stated)
}

/** Runs `memory-child.ts` with the participant of a file. */
export async function measure(participant: string, side: string, index: number, amount: number): Promise<Measured> {
  const file = (base: string) => path.join('test/adapters/contract', base)
  // Later releases of Node let far more garbage lie by default, a plain server's as ours.
  const args = [
    '--max-semi-space-size=8',
    '--expose-gc',
    '--no-warnings',
    '--import',
    `./${file('typescript.mjs')}`,
    file('memory-child.ts'),
  ]
  const { stdout } = await promisify(execFile)(process.execPath, [
    ...args,
    path.resolve(participant),
    side,
    String(index),
    String(amount),
    String(capacity),
  ])
  return JSON.parse(stdout)
}
