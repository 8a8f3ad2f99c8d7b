/**
 * Notes every event of each request, response and connection, in order, for the session that is under way. Node
 * announces them on its diagnostics channels before any app or host has them; their `emit` is wrapped, so that the notes
 * hold what is emitted, and no listener is added that would change it.
 */
import { subscribe } from 'node:diagnostics_channel'
import type { EventEmitter } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { Session } from './session.js'

let current: Session | null = null
let sockets = 0
let requests = 0

/** Notes what happens from now on in `session`. */
export function observe(session: Session | null): void {
  current = session
  sockets = 0
  requests = 0
}

export function observed(): Session | null {
  return current
}

// How often these come depends on how the bytes were cut on their way.
const NOISE = new Set<string | symbol>(['readable', 'drain', 'pause', 'resume', 'newListener', 'removeListener'])

function record(emitter: EventEmitter, label: string, session: Session): void {
  const { emit } = emitter
  let before: string | symbol = ''
  Object.defineProperty(emitter, 'emit', {
    configurable: true,
    writable: true,
    enumerable: false,
    value(this: EventEmitter, event: string | symbol, ...args: unknown[]) {
      if (!NOISE.has(event) && !(event === 'data' && before === 'data')) {
        const [first] = args
        session.note(label, String(event), ...(first instanceof Error ? [codeOf(first)] : []))
      }
      if (!NOISE.has(event)) before = event
      const emitted = emit.call(this, event, ...args)
      if (event === 'close') session.socketClosed(this)
      return emitted
    },
  })
}

function codeOf(error: Error): string {
  return 'code' in error ? String(error.code) : error.message
}

export function startObserving(): void {
  // Error pages show as much of a stack: not so much that it holds what called the app.
  Error.stackTraceLimit = 4
  process.env.NO_DEPRECATION = 'express,fastify'
  subscribe('net.server.socket', message => {
    const socket = message as { socket: EventEmitter }
    if (current === null) return
    current.sockets.add(socket.socket)
    record(socket.socket, `socket${++sockets}`, current)
  })
  subscribe('http.server.request.start', message => {
    const { request, response } = message as { request: IncomingMessage; response: EventEmitter }
    if (current === null) return
    const number = ++requests
    current.note(`req${number}`, `${request.method} ${request.url} HTTP/${request.httpVersion}`)
    record(request, `req${number}`, current)
    record(response, `res${number}`, current)
  })
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(event, (error: unknown) => {
      if (current === null) throw error
      current.note(event, error instanceof Error ? error.message : String(error))
    })
  }
  // Node prints them.
  process.removeAllListeners('warning')
  process.on('warning', ({ name }) => {
    // Others come once in the life of a process, or say what a host does with an app.
    if (name === 'MaxListenersExceededWarning') current?.note('warning', name)
  })
  // Express prints the errors that nothing has handled.
  console.error = (...printed: unknown[]) => {
    if (current === null) process.stderr.write(`${printed.join(' ')}\n`)
    else current.note('console.error', String(printed[0]).split('\n')[0])
  }
}
