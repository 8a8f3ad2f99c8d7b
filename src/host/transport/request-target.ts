/** Request targets, as a client has sent them and as a mount or a router has made them since. */
import type { IncomingMessage } from 'node:http'

const SLASH = 47

/** The origin form of a request target: `http://name/path` is legal in a request line, and so is `*`. */
export function originForm(url: string): string {
  if (url.charCodeAt(0) === SLASH) return url
  return url.slice(authorityLength(url)) || '/'
}

function authorityLength(url: string): number {
  const scheme = url.indexOf('://')
  if (scheme < 0) return url === '*' ? 1 : 0
  const length = url.slice(scheme + 3).search(/[/?#]/)
  return length < 0 ? url.length : scheme + 3 + length
}

/** The properties that Express adds to a request under a mount path. */
export interface MountedRequest extends IncomingMessage {
  baseUrl?: string
  originalUrl?: string
}

/** The request target that the client sent, whatever a mount or a router has made of it since. */
export function originalUrl(req: MountedRequest): string {
  return req.originalUrl ?? req.url ?? ''
}

/**
 * The path that the client asked for, for messages. The query may hold secrets, and an absolute target a password; both are
 * left out.
 */
export function askedPath(req: MountedRequest): string {
  const [target = ''] = originalUrl(req).split(/[?#]/, 1)
  return target.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/]*/i, '')
}

/** The host that an absolute target names; undefined for any other. */
export function authorityOf(url: string): string | undefined {
  const scheme = url.charCodeAt(0) === SLASH ? -1 : url.indexOf('://')
  return scheme < 0 ? undefined : url.slice(scheme + 3, authorityLength(url))
}
