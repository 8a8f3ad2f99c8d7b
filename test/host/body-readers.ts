/**
 * Apps of every kind that read a body in the way of their kind, tell what they have made of it, and answer or pass on. What
 * they make of a body is one text, so that it can be compared.
 */
import type { IncomingMessage } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { createGunzip, gunzipSync, gzipSync } from 'node:zlib'
import formbody from '@fastify/formbody'
import multipart from '@fastify/multipart'
import type { Request } from 'express'
import type { FastifyReply, FastifyRequest } from 'fastify'
import multer from 'multer'
import { until } from '../../src/core/index.js'
import { type App, type Host, type MountOptions, passOn, taskletHandler } from '../../src/host/index.js'
import { express, express4, fastify, fastify4 } from './frameworks.js'

/** What is sent, in how many pieces, and what every app is to make of it. */
export interface Body {
  readonly name: string
  readonly headers: Readonly<Record<string, string>>
  readonly pieces: readonly (string | Buffer)[]
  readonly value: string
}

const JSON_TYPE = { 'content-type': 'application/json' }
const long = 'x'.repeat(90_000)

export const bodies: readonly Body[] = [
  whole('JSON', JSON_TYPE, '{"a":[1,"ä"]}', '{"a":[1,"ä"]}'),
  whole('a form', { 'content-type': 'application/x-www-form-urlencoded' }, 'a=1&b=%C3%A4', '{"a":"1","b":"ä"}'),
  whole(
    'multipart',
    { 'content-type': 'multipart/form-data; boundary=edge' },
    '--edge\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--edge\r\n' +
      'Content-Disposition: form-data; name="f"; filename="f.bin"\r\nContent-Type: application/octet-stream\r\n\r\n' +
      'one\r\ntwo\r\n--edge--\r\n',
    '{"a":"1","f":"one\\r\\ntwo"}',
  ),
  whole('raw bytes', { 'content-type': 'application/octet-stream' }, Buffer.from([0, 255, 13, 10]), '"00ff0d0a"'),
  { name: 'no body', headers: {}, pieces: [], value: 'none' },
  {
    name: 'chunks',
    headers: JSON_TYPE,
    pieces: ['{"a":', `"${long}"`, '}'],
    value: JSON.stringify({ a: long }),
  },
  whole('gzip', { ...JSON_TYPE, 'content-encoding': 'gzip' }, gzipSync('{"a":"zipped"}'), '{"a":"zipped"}'),
]

function whole(name: string, headers: Record<string, string>, content: string | Buffer, value: string): Body {
  return {
    name,
    headers: { ...headers, 'content-length': String(Buffer.byteLength(content)) },
    pieces: [content],
    value,
  }
}

/** The same, without a length, in three chunks. */
export function inChunks({ name, headers, pieces, value }: Body): Body {
  const { 'content-length': _, ...others } = headers
  const whole = Buffer.concat(pieces.map(piece => Buffer.from(piece)))
  const cuts = [0, 1, Math.ceil(whole.length / 2), whole.length]
  const chunks = [0, 1, 2].map(at => whole.subarray(cuts[at], cuts[at + 1]))
  return { name: `${name}, in chunks`, headers: others, pieces: chunks, value }
}

/** Mounts an app at `/` that reads each body. It is `seen` what was read; then it passes on, or answers with it. */
type Reader = (host: Host, seen: (value: string) => void, role: 'first' | 'last') => void

export const readers: Record<string, Reader> = {
  'Express 4': expressReader(express4),
  'Express 5': expressReader(express),
  'Fastify 4': fastifyReader(fastify4),
  'Fastify 5': fastifyReader(fastify),
  'fetch app': (host, seen, role) => {
    const app = {
      async fetch(request: globalThis.Request) {
        const value = await fetchValue(request)
        seen(value)
        return role === 'first' ? new Response(null, { status: 404 }) : new Response(value)
      },
    }
    mount(host, app, role)
  },
  'tasklet handler': (host, seen, role) => {
    const handler = taskletHandler(function* (req, res, next) {
      const value = meaning(yield* until(buffer(req)), req.headers)
      seen(value)
      if (role === 'first') next()
      else res.end(value)
    })
    mount(host, handler, role)
  },
}

function mount(host: Host, app: App, role: 'first' | 'last'): void {
  host.mount('/', app, options(role))
}

function options(role: 'first' | 'last'): MountOptions {
  return { handOver: role === 'first', accept: ['case', 'trailing-slash', 'semicolon'] }
}

function expressReader(make: typeof express): Reader {
  return (host, seen, role) => {
    const app = make()
    app.use(make.json(), make.urlencoded({ extended: false }), make.raw(), multer().any())
    app.use((req, res, next) => {
      const value = expressValue(req)
      seen(value)
      if (role === 'first') next()
      else res.type('text').send(value)
    })
    mount(host, app, role)
  }
}

function expressValue(req: Request): string {
  const { body } = req
  if (Buffer.isBuffer(body)) return JSON.stringify(body.toString('hex'))
  const files = Array.isArray(req.files) ? req.files.map(file => [file.fieldname, file.buffer.toString()]) : []
  const value = { ...body, ...Object.fromEntries(files) }
  return Object.keys(value).length === 0 ? 'none' : JSON.stringify(value)
}

function fastifyReader(make: typeof fastify): Reader {
  return (host, seen, role) => {
    const app = make({ serverFactory: host.serverFactory('/', options(role)) })
    app.addHook('preParsing', async (request, _reply, payload) => {
      if (request.headers['content-encoding'] !== 'gzip') return payload
      return Object.assign(payload.pipe(createGunzip()), {
        receivedEncodedLength: Number(request.headers['content-length']),
      })
    })
    app.addContentTypeParser(
      'application/octet-stream',
      { parseAs: 'buffer' },
      async (_: unknown, body: Buffer) => body,
    )
    if (make === fastify) {
      app.register(formbody)
      app.register(multipart, { attachFieldsToBody: 'keyValues' })
    } else {
      // The plugins are for Fastify 5.
      const parse = async (request: FastifyRequest, body: Buffer) => JSON.parse(meaning(body, request.headers))
      app.addContentTypeParser(['application/x-www-form-urlencoded'], { parseAs: 'buffer' }, parse)
      app.addContentTypeParser('multipart/form-data', { parseAs: 'buffer' }, parse)
    }
    app.post('/*', async (request: FastifyRequest, reply: FastifyReply) => {
      const value = fastifyValue(request.body)
      seen(value)
      if (role === 'last') return value
      passOn(reply)
    })
  }
}

function fastifyValue(body: unknown): string {
  if (body === undefined || body === null) return 'none'
  if (Buffer.isBuffer(body)) return JSON.stringify(body.toString('hex'))
  return JSON.stringify(body, (_, value) => (value?.type === 'Buffer' ? Buffer.from(value.data).toString() : value))
}

async function fetchValue(request: globalThis.Request): Promise<string> {
  if (request.body === null) return 'none'
  if (!request.headers.get('content-type')?.startsWith('multipart')) {
    return meaning(Buffer.from(await request.arrayBuffer()), Object.fromEntries(request.headers))
  }
  const value: Record<string, string> = {}
  for (const [name, entry] of await request.formData())
    value[name] = typeof entry === 'string' ? entry : await entry.text()
  return JSON.stringify(value)
}

/** What the bytes of a body mean. */
function meaning(bytes: Buffer, headers: IncomingMessage['headers']): string {
  const type = headers['content-type']
  if (type === undefined) return 'none'
  if (type.startsWith('multipart')) {
    const parts = bytes.toString('latin1').matchAll(/name="(\w+)"[\s\S]*?\r\n\r\n([\s\S]*?)\r\n--edge/g)
    return JSON.stringify(Object.fromEntries([...parts].map(([, name, value]) => [name, value])))
  }
  if (type.includes('urlencoded')) return JSON.stringify(Object.fromEntries(new URLSearchParams(bytes.toString())))
  if (type.includes('octet')) return JSON.stringify(bytes.toString('hex'))
  return (headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes).toString()
}
