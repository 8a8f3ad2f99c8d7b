/** A DNS server over UDP nbsockets, for tests. It knows a few names, and how to be silent. */
import { go, type Tasklet } from '../../../src/core/index.js'
import type { Co } from '../../../src/core/loop/op.js'
import { bindUdp, type UdpSocket } from '../../../src/core/nbsocket/socket/udp.js'

export const types = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  NAPTR: 35,
  ANY: 255,
  CAA: 257,
} as const

export type RecordType = keyof typeof types

/** The records of a name: of each type a list, as bytes. */
export type Zone = Record<string, Partial<Record<RecordType, Buffer[]>>>

export const data = {
  ipv4: (address: string) => Buffer.from(address.split('.').map(Number)),
  ipv6: (hex: string) => Buffer.from(hex, 'hex'),
  name: (name: string) => encodeName(name),
  text: (...chunks: string[]) => Buffer.concat(chunks.map(counted)),
  mx: (priority: number, exchange: string) => Buffer.concat([u16(priority), encodeName(exchange)]),
  srv: (priority: number, weight: number, port: number, name: string) =>
    Buffer.concat([u16(priority), u16(weight), u16(port), encodeName(name)]),
  soa: (ns: string, mail: string, ...numbers: number[]) =>
    Buffer.concat([encodeName(ns), encodeName(mail), ...numbers.map(u32)]),
  naptr: (order: number, preference: number, flags: string, service: string, regexp: string, replacement: string) =>
    Buffer.concat([
      u16(order),
      u16(preference),
      counted(flags),
      counted(service),
      counted(regexp),
      encodeName(replacement),
    ]),
  caa: (tag: string, value: string) => Buffer.concat([Buffer.from([0]), counted(tag), Buffer.from(value)]),
}

function u16(n: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16BE(n)
  return bytes
}

function u32(n: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(n)
  return bytes
}

function counted(text: string): Buffer {
  return Buffer.concat([Buffer.from([Buffer.byteLength(text)]), Buffer.from(text)])
}

function encodeName(name: string): Buffer {
  const labels = name === '' ? [] : name.split('.')
  return Buffer.concat([...labels.map(counted), Buffer.from([0])])
}

/** The name that a question asks for, and where it ends. */
function decodeName(message: Buffer, start: number): { name: string; end: number } {
  const labels: string[] = []
  let at = start
  for (let length = message[at] ?? 0; length > 0; length = message[at] ?? 0) {
    labels.push(message.toString('latin1', at + 1, at + 1 + length))
    at += 1 + length
  }
  return { name: labels.join('.').toLowerCase(), end: at + 1 }
}

/** The answer to `question`; null where the server is silent. `zone` has the names, `''` as an only key means SERVFAIL. */
export function answer(question: Buffer, zone: Zone): Buffer | null {
  const { name, end } = decodeName(question, 12)
  const type = question.readUInt16BE(end)
  const known = zone[name]
  if (name.startsWith('silent')) return null
  const answers: Buffer[] = []
  const add = (owner: string, of: RecordType, rdata: Buffer) =>
    answers.push(Buffer.concat([encodeName(owner), u16(types[of]), u16(1), u32(60), u16(rdata.length), rdata]))
  let owner = name
  if (type !== types.CNAME && type !== types.ANY) {
    for (let alias = zone[owner]?.CNAME?.[0]; alias !== undefined; alias = zone[owner]?.CNAME?.[0]) {
      add(owner, 'CNAME', alias)
      owner = decodeName(alias, 0).name
    }
  }
  for (const [of, records] of Object.entries(zone[owner] ?? {}) as [RecordType, Buffer[]][]) {
    if (types[of] === type || type === types.ANY) for (const record of records) add(owner, of, record)
  }
  const code = name.startsWith('broken') ? 2 : known === undefined ? 3 : 0
  const header = Buffer.concat([
    question.subarray(0, 2),
    u16(0x8180 | code),
    u16(1),
    u16(answers.length),
    u16(0),
    u16(0),
  ])
  return Buffer.concat([header, question.subarray(12, end + 4), ...answers])
}

export interface DnsServer extends AsyncDisposable {
  readonly address: string
  /** How many questions have come. */
  readonly asked: number
}

/** Serves `zone` at a port of its own. */
export async function dnsServer(zone: Zone): Promise<DnsServer> {
  const socket: UdpSocket = await bindUdp({ host: '127.0.0.1' })
  let asked = 0
  const serving: Tasklet<void> = go(function* serve(): Co<void> {
    for (;;) {
      const question = yield* socket.recvFrom()
      asked++
      const reply = answer(question.data, zone)
      if (reply !== null) yield* socket.sendTo(reply, question)
    }
  })
  serving.then(null, () => {})
  return {
    address: `127.0.0.1:${socket.address.port}`,
    get asked() {
      return asked
    },
    async [Symbol.asyncDispose]() {
      await serving.kill()
      await socket.close()
    },
  }
}
