/** The client's side of a program: its connections, and what it waits for. It never waits for a time, except in vain. */
import { connect, type Socket } from 'node:net'
import { Answers } from './answers.js'
import { type Ask, at } from './ask.js'
import type { Session } from './session.js'

/** How long a whole talk, or the close after it, may take before it is stuck, in milliseconds. */
export const PATIENCE = 3000

export class Client {
  readonly answers = new Answers()
  readonly socket: Socket
  received = ''
  fate = ''
  #port = 0
  #sawEnd = false
  #changed = () => {}

  readonly number: number

  constructor(port: number, number: number) {
    this.number = number
    this.socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
    this.socket.setEncoding('latin1')
    this.socket.on('connect', () => {
      this.#port = this.socket.localPort ?? 0
    })
    this.socket.on('data', (bytes: unknown) => {
      this.received += bytes
      this.answers.feed(String(bytes))
      this.#changed()
    })
    this.socket.on('end', () => {
      this.#sawEnd = true
      this.fate ||= 'ended by the server'
      this.socket.end()
      this.#changed()
    })
    this.socket.on('error', error => {
      this.fate ||= `broken by the server: ${'code' in error ? error.code : error}`
    })
    this.socket.on('close', () => this.#changed())
  }

  /** Its own end of the connection. */
  get port(): number {
    return this.#port
  }

  get over(): boolean {
    return this.#sawEnd || this.socket.closed
  }

  /** Resolves when `reached()` holds, which every byte and event may change. */
  async until(reached: () => boolean): Promise<void> {
    while (!reached()) {
      await new Promise<void>(resolve => {
        this.#changed = resolve
      })
    }
  }
}

/** Bytes as they are; a request, whose answer is waited for; or whatever else a client does. */
export type Step = string | Ask | ((talk: Talk) => unknown)

export class Talk {
  readonly session: Session
  readonly clients: Client[] = []
  readonly #port: number
  #client: Client

  constructor(session: Session, port: number) {
    this.session = session
    this.#port = port
    this.#client = this.reconnect()
  }

  /** The connection that the script is about. */
  get client(): Client {
    return this.#client
  }

  /** Goes on with a new connection. */
  reconnect(): Client {
    this.#client = new Client(this.#port, this.clients.length + 1)
    this.clients.push(this.#client)
    return this.#client
  }

  /** Goes on with an earlier connection. */
  back(number: number): void {
    const client = this.clients[number - 1]
    if (client === undefined) throw new Error(`there is no connection ${number}`)
    this.#client = client
  }

  write(bytes: string): void {
    this.#client.socket.write(bytes.replaceAll(at, this.session.at), 'latin1')
  }

  send({ bytes, methods }: Ask): void {
    this.#client.answers.expect(methods)
    this.write(bytes)
  }

  /** Resolves when all that was asked on this connection has been answered, or it is over. */
  answered(): Promise<void> {
    const client = this.#client
    return client.until(() => client.over || client.answers.complete >= client.answers.expected)
  }

  /** Runs a script, then sees what becomes of each connection. */
  async run(script: readonly Step[]): Promise<void> {
    let step = 0
    let timer: NodeJS.Timeout | undefined
    const stuck = new Promise<string>(resolve => {
      timer = setTimeout(() => resolve(`stuck at step ${step} of ${script.length}`), PATIENCE)
    })
    const outcome = await Promise.race([stuck, this.#run(script, now => (step = now)).catch(error => `${error.stack}`)])
    clearTimeout(timer)
    if (outcome === undefined) return
    this.session.stuck = outcome
    for (const { socket } of this.clients) socket.destroy()
  }

  async #run(script: readonly Step[], at: (step: number) => void): Promise<undefined> {
    for (const [index, step] of script.entries()) {
      at(index + 1)
      if (typeof step === 'string') this.write(step)
      else if (typeof step === 'function') await step(this)
      else {
        this.send(step)
        await this.answered()
      }
    }
    at(script.length + 1)
    for (const client of this.clients) await leave(client)
    await this.session.quiet()
  }
}

/** Waits for the end, if the server announced one; says whether the connection was kept, and then ends it. */
async function leave(client: Client): Promise<void> {
  for (let turn = 0; turn < (client.answers.last ? 100 : 2) && !client.over; turn++) await turns()
  if (!client.over && client.fate === '') {
    client.fate = client.answers.last ? 'kept, though its end was announced' : 'kept'
    client.socket.end()
  }
  await client.until(() => client.socket.closed)
}

/** Some turns of the event loop, in which a server in this process does what it means to do at once. */
export async function turns(count = 12): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise(resolve => setImmediate(resolve))
}

/** Steps of scripts. */
export const until = (pattern: RegExp) => (talk: Talk) => {
  const { client } = talk
  return client.until(() => client.over || pattern.test(client.received))
}
export const noted =
  (text: string, times = 1) =>
  (talk: Talk) =>
    talk.session.noted(text, times)
export const open = (gate: string) => (talk: Talk) => talk.session.open(gate)
export const answered = (talk: Talk) => talk.answered()
export const closed = ({ client }: Talk) => client.until(() => client.over)
export const reconnect = (talk: Talk) => {
  talk.reconnect()
}
export const back = (number: number) => (talk: Talk) => talk.back(number)
/** Sends without waiting for the answer. */
export const send = (ask: Ask) => (talk: Talk) => talk.send(ask)
/** Ends its own side, and goes on reading. */
export const halfClose = ({ client }: Talk) => {
  client.socket.end()
}
/** Ends at once; what has not been read is lost. */
export const hangUp = ({ client }: Talk) => {
  client.fate ||= 'left'
  client.socket.destroy()
}
export const reset = ({ client }: Talk) => {
  client.fate ||= 'reset by the client'
  client.socket.resetAndDestroy()
}
export const pause = ({ client }: Talk) => {
  client.socket.pause()
}
export const resume = ({ client }: Talk) => {
  client.socket.resume()
}
