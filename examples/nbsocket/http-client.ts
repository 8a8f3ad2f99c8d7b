// An HTTP/1.1 client written on a socket: heads are lines of text, bodies are bytes.
import { type Co, main, timeout } from 'syncless'
import { connect, limitReader, type NbFile, nbfile } from 'syncless/nbsocket'

interface Answer {
  readonly status: number
  readonly headers: Map<string, string>
  readonly body: Buffer
}

const MOST = 10 * 1024 * 1024

/** Fails with READ_LIMIT for lines and bodies that are too long, and with UNEXPECTED_END for what was cut. */
function* get(url: URL): Co<Answer> {
  const { hostname, port, protocol } = url
  const tls = protocol === 'https:'
  using sock = yield* connect({ host: hostname, port: Number(port || (tls ? 443 : 80)), tls, timeout: 10_000 })
  const file = nbfile(sock)
  yield* file.write(`GET ${url.pathname}${url.search} HTTP/1.1\r\nHost: ${url.host}\r\nConnection: close\r\n\r\n`)

  const head = file.text('latin1')
  let [status, headers] = yield* readHead(head)
  while (status >= 100 && status < 200) [status, headers] = yield* readHead(head)
  return { status, headers, body: yield* readBody(file, status, headers) }
}

function* readHead(head: NbFile<string>): Co<[status: number, headers: Map<string, string>]> {
  const line = yield* head.readUntil('\r\n', { limit: 8192 })
  const [, status] = /^HTTP\/1\.[01] (\d{3}) /.exec(line) ?? []
  if (status === undefined) throw new Error(`this is no answer: ${line.trim()}`)
  return [Number(status), yield* readFields(head)]
}

function* readFields(head: NbFile<string>): Co<Map<string, string>> {
  const fields = new Map<string, string>()
  for (;;) {
    const line = yield* head.readUntil('\r\n', { limit: 8192 })
    if (line === '\r\n') return fields
    const colon = line.indexOf(':')
    if (colon < 1 || fields.size >= 100) throw new Error('these are no headers')
    fields.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim())
  }
}

function* readBody(file: NbFile, status: number, headers: Map<string, string>): Co<Buffer> {
  if (status === 204 || status === 304) return Buffer.alloc(0)
  if (headers.get('transfer-encoding')?.toLowerCase() === 'chunked') return yield* readChunks(file)
  const length = headers.get('content-length')
  if (length === undefined) return yield* file.readAll({ limit: MOST })
  if (!/^\d{1,15}$/.test(length)) throw new Error(`this is no length: ${length}`)
  return yield* limitReader(file, Number(length), { exact: true }).readAll({ limit: MOST })
}

function* readChunks(file: NbFile): Co<Buffer> {
  const chunks: Buffer[] = []
  const head = file.text('latin1')
  for (let total = 0; ; ) {
    const line = yield* head.readUntil('\r\n', { limit: 100 })
    if (!/^[0-9a-f]{1,8}\s*(;|\r)/i.test(line)) throw new Error('this is no chunk')
    const size = Number.parseInt(line, 16)
    total += size
    if (total > MOST) throw new Error('the body is too large')
    if (size === 0) break
    chunks.push(yield* file.readExactly(size))
    yield* file.readExactly(2)
  }
  yield* readFields(head) // the trailer
  return Buffer.concat(chunks)
}

await main(function* () {
  for (const url of process.argv.slice(2)) {
    const { status, headers, body } = yield* timeout(30_000, function* () {
      return yield* get(new URL(url))
    })
    console.log(`${status}, ${headers.get('content-type')}, ${body.length} bytes`)
    console.log(body.toString().slice(0, 1000))
  }
})
