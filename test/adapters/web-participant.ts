/**
 * How a web framework takes part in the contract: uploads of NDJSON become channels, and channels server-sent events, over
 * connections in memory, whose buffers are known. The errors of a handler become 500, as the framework's own handlers do it.
 */
import http, { type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import type { FlowPort } from '../../src/adapters/port.js'
import type { Receiver, Tasklet } from '../../src/core/index.js'
import { type MemorySocket, memorySocketPair } from '../../src/host/memory/memory-socket.js'
import type { Item, Participant, SinkKind, SourceKind } from './contract/participant.js'

/** One request of a framework, with the bridges of its port. */
export interface WebExchange {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  upload(capacity: number): Receiver<Item>
  answer(receiver: Receiver<Item>, event: (value: Item) => { data: string }): Tasklet<unknown>
}

/** How large a number is made on its way, so that few fit into the buffers there are. */
const PADDING = 8192
/** What fits into the buffers of both ends, in numbers. */
const AHEAD = 64

const textOf = (value: Item) =>
  typeof value === 'number' ? String(value).padEnd(PADDING) : JSON.stringify(Buffer.from(value).toString('base64'))

/** How many listen that did not before; without Node's own, by which it waits for the end of a request after its answer. */
function watchListeners(...emitters: NodeJS.EventEmitter[]): () => number {
  const listeners = () =>
    emitters.flatMap(emitter => emitter.eventNames().flatMap(name => emitter.listeners(name))).filter(isOurs)
  const before = new Set(listeners())
  return () => listeners().filter(listener => !before.has(listener)).length
}

const isOurs = ({ name }: { readonly name: string }) => name !== 'clearIncoming'

/** A framework that serves with `serve` what `take` gives it. */
export function webParticipant(
  name: string,
  port: FlowPort,
  makeServer: (take: (exchange: WebExchange) => void) => Promise<Server>,
  // Fastify leaves listeners of its own on a response that it has sent a stream to.
  litters = false,
): Participant {
  const waiting: ((exchange: WebExchange) => void)[] = []
  let server: Promise<Server> | null = null

  async function request(method: string) {
    server ??= makeServer(exchange => waiting.shift()?.(exchange))
    const [client, other] = memorySocketPair() as [MemorySocket, MemorySocket]
    const arrived = new Promise<WebExchange>(resolve => waiting.push(resolve))
    ;(await server).emit('connection', other)
    const req = http.request({ method, path: '/', createConnection: () => client as never })
    req.on('error', () => {})
    req.setHeader('Content-Type', 'application/x-ndjson')
    req.flushHeaders()
    const exchange = await arrived
    return { req, exchange, client, attached: watchListeners(exchange.req, exchange.res) }
  }

  const source: SourceKind = {
    way: 'toChannel',
    ahead: AHEAD,
    async make(feed) {
      const { req, exchange, client, attached } = await request('POST')
      const write = () =>
        feed.pull(step => {
          if ('error' in step) client.destroy()
          else if ('end' in step) req.end()
          else if (req.write(`${textOf(step.value)}\n`)) write()
          else req.once('drain', write)
        })
      // An answer that comes before the end says that no more is wanted.
      req.once('response', response => {
        response.resume()
        if (req.writableEnded) return
        feed.stop()
        client.destroy()
      })
      req.once('close', () => feed.stop())
      write()
      const answer = () => {
        if (!exchange.res.headersSent) exchange.res.writeHead(200, { Connection: 'close' }).end()
      }
      return {
        open({ capacity }) {
          const receiver = exchange.upload(capacity)
          receiver.ended.then(answer)
          return receiver
        },
        attached,
        dispose() {
          client.destroy()
        },
      }
    },
  }

  const sink: SinkKind = {
    way: 'drainTo',
    ahead: AHEAD,
    fails: false,
    async make(intake) {
      const { req, exchange, client, attached } = await request('GET')
      let begun = false
      req.once('response', async response => {
        begun = true
        try {
          if (response.statusCode !== 200) throw new Error(await text(response))
          for await (const data of events(response)) {
            await new Promise<void>(done => intake.take(JSON.parse(data), done))
          }
          intake.end()
        } catch (error) {
          intake.fail(error)
        }
      })
      req.once('close', () => {
        if (!begun) intake.close()
      })
      req.end()
      return {
        open(receiver) {
          const drained = exchange.answer(receiver, value => ({ data: textOf(value) }))
          drained.then(null, () => {
            if (!exchange.res.headersSent) exchange.res.writeHead(500).end('failed')
          })
          return drained
        },
        leave() {
          client.destroy()
        },
        attached: () => (litters && exchange.res.closed ? 0 : attached()),
        dispose() {
          client.destroy()
        },
      }
    },
  }

  return { name, port, medium: 'transport', sources: [source], sinks: [sink] }
}

/** The data of the events of a response. */
async function* events(response: IncomingMessage): AsyncGenerator<string> {
  let begun = ''
  for await (const chunk of response.setEncoding('utf8')) {
    const lines = (begun + chunk).split('\n')
    begun = lines.pop() ?? ''
    for (const line of lines) if (line.startsWith('data: ')) yield line.slice(6)
  }
}
