/** Real threads and processes that run a TypeScript file of this folder. */
import { type ChildProcess, fork, type SerializationType } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'

export type Other = Worker | ChildProcess

const folder = 'test/adapters/worker'
const loader = './test/adapters/contract/typescript.mjs'

/** A thread cannot load TypeScript without being told how; a process gets it by `--import`. */
export function startThread(file: string, task?: string): Worker {
  const program = `require('node:module').register('${pathToFileURL(loader)}'); import('${pathToFileURL(`${folder}/${file}`)}')`
  return new Worker(program, { eval: true, workerData: task, stderr: true })
}

export function startProcess(file: string, task?: string, serialization: SerializationType = 'json'): ChildProcess {
  const execArgv = ['--no-warnings', '--import', loader]
  return fork(path.resolve(folder, file), task === undefined ? [] : [task], { execArgv, serialization, silent: true })
}

export const say = (port: Other, message: object): unknown =>
  'send' in port ? port.send(message) : port.postMessage(message)

/** Asks it to end. */
export const stop = (port: Other): unknown => ('send' in port ? port.kill() : port.terminate())

/** Ends it, and waits until it has. */
export async function end(port: Other): Promise<void> {
  const here = 'threadId' in port ? port.threadId !== -1 : port.exitCode === null && port.signalCode === null
  const gone = here ? once(port, 'exit') : null
  stop(port)
  await gone
}

/** All listeners of a port. */
export const listeners = (port: Other): number =>
  port.eventNames().reduce((sum, name) => sum + port.listenerCount(name), 0)
