/** This side of a port: the four kinds that Node has, behind one interface. */
import type { ChildProcess } from 'node:child_process'
import type { MessagePort, Transferable, Worker } from 'node:worker_threads'
import { SynclessError } from '../../core/base/errors.js'
import { report } from '../../core/base/report.js'
import { Listeners } from '../shared/bridge/listeners.js'

/**
 * A carrier of messages: a MessagePort (`parentPort` in a worker), a Worker, a child process with an IPC channel, or,
 * in the child, `process`.
 */
export type Port = MessagePort | Worker | ChildProcess | NodeJS.Process

/** What an endpoint tells. */
export interface Ears {
  message(message: unknown): void
  /** A message could not be read. */
  lost(error: unknown): void
  /** Nobody is at the other side any more. */
  gone(error: SynclessError): void
}

export interface Endpoint {
  /** Throws what cannot be carried. */
  post(message: object, transfer: readonly Transferable[]): void
  /** Listens until the function that it returns is called. */
  listen(ears: Ears): () => void
}

/** What all kinds have. */
interface Raw {
  on(event: string, listener: (...args: never[]) => void): unknown
  off(event: string, listener: (...args: never[]) => void): unknown
  listenerCount(event: string): number
  postMessage?(message: unknown, transfer?: readonly Transferable[]): void
  send?(message: unknown, sent: (error: Error | null) => void): boolean
  readonly connected?: boolean
  readonly threadId?: number
  readonly exitCode?: number | null
  readonly signalCode?: string | null
}

/** Throws `INVALID_ARGUMENT` for anything except a port. */
export function endpointOf(port: unknown, bridge: string): Endpoint {
  const raw: Raw = Object(port)
  if (typeof raw.on === 'function' && typeof raw.off === 'function') {
    if (typeof raw.postMessage === 'function') return 'threadId' in raw ? new WorkerEnd(raw) : new PortEnd(raw)
    // A worker of node:cluster sends as well, and its process is what tells of the end.
    if (typeof raw.send === 'function' && typeof raw.connected === 'boolean') return new ProcessEnd(raw)
  }
  throw new SynclessError(
    'INVALID_ARGUMENT',
    `${bridge} takes a MessagePort, a Worker, or a process with an IPC channel`,
  )
}

/** Listeners by the names of their events, until the function that it returns is called. */
function listen(raw: Raw, by: Record<string, (...args: never[]) => void>): () => void {
  const listeners = new Listeners()
  for (const [event, listener] of Object.entries(by)) {
    listeners.add(
      () => raw.on(event, listener),
      () => raw.off(event, listener),
      raw,
    )
  }
  return () => listeners.clear()
}

function peerGone(what: string, cause?: unknown): SynclessError {
  return new SynclessError('PEER_GONE', what, cause === undefined ? undefined : { cause })
}

class PortEnd implements Endpoint {
  readonly #raw: Raw

  constructor(raw: Raw) {
    this.#raw = raw
  }

  post(message: object, transfer: readonly Transferable[]): void {
    this.#raw.postMessage?.(message, transfer)
  }

  listen(ears: Ears): () => void {
    return listen(this.#raw, {
      message: (message: unknown) => ears.message(message),
      messageerror: (error: unknown) => ears.lost(error),
      close: () => ears.gone(peerGone('the port was closed')),
    })
  }
}

class WorkerEnd implements Endpoint {
  readonly #raw: Raw

  constructor(raw: Raw) {
    this.#raw = raw
  }

  post(message: object, transfer: readonly Transferable[]): void {
    this.#raw.postMessage?.(message, transfer)
  }

  listen(ears: Ears): () => void {
    let cause: unknown
    let untold = false
    const gone = (code?: number) => {
      untold = false
      ears.gone(peerGone(`the worker has ended${code === undefined ? '' : ` with exit code ${code}`}`, cause))
    }
    if (this.#raw.threadId === -1) queueMicrotask(gone)
    const stop = listen(this.#raw, {
      message: (message: unknown) => ears.message(message),
      messageerror: (error: unknown) => ears.lost(error),
      error: (error: unknown) => {
        cause = error
        untold = true
      },
      exit: gone,
    })
    return () => {
      stop()
      // No bridge is left that would end with it, and Node takes it for handled.
      if (untold && this.#raw.listenerCount('error') === 0)
        report(cause, 'a worker failed after its last bridge had ended')
    }
  }
}

class ProcessEnd implements Endpoint {
  readonly #raw: Raw
  #broken: (error: Error) => void = () => {}

  constructor(raw: Raw) {
    this.#raw = raw
  }

  post(message: object, transfer: readonly Transferable[]): void {
    if (transfer.length > 0) {
      throw new SynclessError('INVALID_ARGUMENT', 'leave out "transfer": nothing can be transferred to another process')
    }
    this.#raw.send?.(message, error => {
      if (error !== null) this.#broken(error)
    })
  }

  listen(ears: Ears): () => void {
    const raw = this.#raw
    const gone = (cause?: Error) => {
      const { exitCode, signalCode } = raw
      const how = signalCode ? ` by ${signalCode}` : typeof exitCode === 'number' ? ` with exit code ${exitCode}` : ''
      ears.gone(peerGone(how === '' ? 'the other process has disconnected' : `the process has ended${how}`, cause))
    }
    this.#broken = gone
    if (!raw.connected) queueMicrotask(gone)
    return listen(raw, {
      message: (message: unknown) => ears.message(message),
      // Not 'exit', which may come before the last messages.
      disconnect: () => gone(),
    })
  }
}
