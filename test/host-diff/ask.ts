/** Requests as bytes. Every path is one of the app, wherever that is mounted. */

/** Stands in raw bytes for the path at which the app is mounted. */
export const at = '\u0001'

/** Bytes that hold whole requests: the talk goes on when all that were asked have been answered. */
export interface Ask {
  readonly bytes: string
  /** The methods of the requests, which their answers are read by. */
  readonly methods: readonly string[]
}

export type Headers = Readonly<Record<string, string | number>> | readonly (readonly [string, string | number])[]

/** One request. Its host is `example.test` unless its headers have another. */
export function ask(method: string, path: string, headers: Headers = {}, body = '', version = '1.1'): Ask {
  const fields: (readonly [string, string | number])[] = Array.isArray(headers) ? [...headers] : Object.entries(headers)
  const has = (name: string) => fields.some(([key]) => key.toLowerCase() === name)
  if (!has('host')) fields.unshift(['Host', 'example.test'])
  if (body !== '' && !has('content-length') && !has('transfer-encoding')) {
    fields.push(['Content-Length', Buffer.byteLength(body, 'latin1')])
  }
  const head = [`${method} ${at}${path} HTTP/${version}`, ...fields.map(([name, value]) => `${name}: ${value}`)]
  return { bytes: `${head.join('\r\n')}\r\n\r\n${body}`, methods: [method] }
}

export const get = (path: string, headers?: Headers): Ask => ask('GET', path, headers)
export const head = (path: string, headers?: Headers): Ask => ask('HEAD', path, headers)

export function post(path: string, type: string, body: string, headers: Headers = {}): Ask {
  const more = Array.isArray(headers) ? headers : Object.entries(headers)
  return ask('POST', path, [...(type === '' ? [] : [['Content-Type', type] as const]), ...more], body)
}

export const json = (path: string, value: unknown, headers?: Headers): Ask =>
  post(path, 'application/json', typeof value === 'string' ? value : JSON.stringify(value), headers)

export const form = (path: string, body: string, headers?: Headers): Ask =>
  post(path, 'application/x-www-form-urlencoded', body, headers)

/** A request whose body goes in chunks, with trailers after them. */
export function chunked(method: string, path: string, headers: Headers, chunks: readonly string[], trailers = ''): Ask {
  const fields = Array.isArray(headers) ? headers : Object.entries(headers)
  const body = [...chunks, ''].map(chunk => `${chunk.length.toString(16)}\r\n${chunk}${chunk === '' ? '' : '\r\n'}`)
  return ask(method, path, [...fields, ['Transfer-Encoding', 'chunked']], `${body.join('')}${trailers}\r\n`)
}

/** Several requests in one write. */
export function pipelined(...asks: readonly Ask[]): Ask {
  return { bytes: asks.map(({ bytes }) => bytes).join(''), methods: asks.flatMap(({ methods }) => methods) }
}

/** Bytes as they are, which are requests of these methods. */
export function raw(bytes: string, ...methods: readonly string[]): Ask {
  return { bytes, methods: methods.length === 0 ? ['GET'] : methods }
}

/** A multipart body: its parts' heads and contents. */
export function multipart(path: string, parts: readonly (readonly [string, string])[], boundary = 'edge'): Ask {
  const body = parts.map(([head, content]) => `--${boundary}\r\n${head}\r\n\r\n${content}\r\n`)
  return post(path, `multipart/form-data; boundary=${boundary}`, `${body.join('')}--${boundary}--\r\n`)
}
