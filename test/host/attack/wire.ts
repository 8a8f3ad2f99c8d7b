/** Bytes on the wire, and what a server makes of them, for comparing a host with Node's bare server. */
import { createServer, type IncomingMessage, type Server, type ServerOptions, type ServerResponse } from 'node:http'
import { type AddressInfo, connect } from 'node:net'

/** How the bytes are sent: at once and then the end of the client's half, or one by one, or with a good request behind. */
export type Manner = 'at once' | 'byte by byte' | 'with a request behind'
export const manners: readonly Manner[] = ['at once', 'byte by byte', 'with a request behind']

/** More than this is not sent byte by byte. */
const LONG = 2_000

/** All that a server sends until it closes the connection, without dates. A reset counts as an end. */
export function converse(port: number, bytes: string, manner: Manner): Promise<string> {
  return new Promise(resolve => {
    const socket = connect({ port, host: '127.0.0.1' })
    let text = ''
    socket.setEncoding('latin1').on('data', chunk => {
      text += chunk
    })
    socket.on('error', () => {})
    socket.on('close', () => resolve(text.replaceAll(/^Date: .*$/gm, 'Date: -')))
    const behind = 'GET /behind HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
    const all = Buffer.from(manner === 'with a request behind' ? bytes + behind : bytes, 'latin1')
    socket.on('connect', async () => {
      if (manner !== 'byte by byte' || all.length > LONG) socket.write(all)
      else {
        for (const byte of all) {
          socket.write(Buffer.of(byte))
          await new Promise(next => setImmediate(next))
        }
      }
      socket.end()
    })
  })
}

/** What an app was given, in the order of its answers. Bodies are read to their end, or to where they break off. */
export function witness(seen: string[]): (req: IncomingMessage, res: ServerResponse) => void {
  return (req, res) => {
    const { method, url, httpVersion, rawHeaders } = req
    let length = 0
    req.on('data', chunk => {
      length += chunk.length
    })
    req.on('error', error => seen.push(`error ${(error as NodeJS.ErrnoException).code}`))
    req.on('end', () => {
      seen.push(`end ${length} ${JSON.stringify(req.rawTrailers)}`)
      res.end(`${method} ${url} ${length}`)
    })
    seen.push(JSON.stringify([method, url, httpVersion, rawHeaders]))
  }
}

export async function bareServer(
  handler: (req: IncomingMessage, res: ServerResponse) => void,
  options: ServerOptions = {},
): Promise<{ server: Server; port: number }> {
  const server = createServer(options, handler).listen(0, '127.0.0.1')
  await new Promise(resolve => server.once('listening', resolve))
  return { server, port: (server.address() as AddressInfo).port }
}

/** `bytes` with a few of them changed, lost, doubled or moved, by a seed; null where they offer an upgrade. */
export function mutant(bytes: string, seed: number): string | null {
  let state = (seed * 2_654_435_761 + 1) >>> 0
  const random = (below: number) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
  const odd = ['\r', '\n', '\r\n', '\0', ' ', '\t', ':', ',', ';', '0', 'ff', '\x7f', '\xff', 'chunked', '/', '%', '"']
  let text = bytes
  for (let i = 0; i <= random(3); i++) {
    const at = random(text.length + 1)
    const length = random(8)
    const rest = text.slice(at + length)
    const changes = [
      () => text.slice(0, at) + rest,
      () => text.slice(0, at) + odd[random(odd.length)] + text.slice(at),
      () => text.slice(0, at) + odd[random(odd.length)] + text.slice(at + 1),
      () => text.slice(0, at) + text.slice(at, at + length).repeat(3) + rest,
      () => rest + text.slice(0, at + length),
    ]
    text = changes[random(changes.length)]?.() ?? text
  }
  return /upgrade/i.test(text) ? null : text
}
