/** Mount paths: which are valid, which own a request, and what is left of a URL under one. */
import type { IncomingMessage } from 'node:http'
import { inspect } from 'node:util'
import { SynclessError } from '../core/errors.js'

const SLASH = 47
const QUESTION_MARK = 63
const HASH = 35

/** Checks a mount path and takes off the slash at its end. Throws `INVALID_ARGUMENT`. */
export function mountPath(path: unknown): string {
  const problem = pathProblem(path)
  if (typeof path !== 'string' || problem !== undefined) {
    throw new SynclessError('INVALID_ARGUMENT', `mount path ${inspect(path)} ${problem}`)
  }
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path
}

function pathProblem(path: unknown): string | undefined {
  if (typeof path !== 'string') return "is not a string: give a path such as '/api'"
  if (!path.startsWith('/')) return "does not start with '/'"
  if (path.includes('//')) return 'has an empty segment'
  if (/[?#]/.test(path)) return 'has a query or a fragment: a mount owns every query'
  if (/[*:(){}]/.test(path)) return 'looks like a pattern: a mount owns a plain prefix; leave patterns to the app in it'
  if (/\/\.{1,2}(\/|$)/.test(path)) return "has a '.' or '..' segment, which clients remove before they send"
  if (/[^\x21-\x7e]|["<>\\^`|]/.test(path)) return 'has characters that clients send percent-encoded: write it so'
  return undefined
}

/** Whether `path` owns `url`, a request target in origin form: it is a prefix that ends where a segment does. */
export function owns(path: string, url: string): boolean {
  if (path.length === 1) return true
  if (!url.startsWith(path)) return false
  if (url.length === path.length) return true
  const next = url.charCodeAt(path.length)
  return next === SLASH || next === QUESTION_MARK || next === HASH
}

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

/** What Express adds to a request under a mount path. */
interface MountedRequest extends IncomingMessage {
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

/** Shows the request as `app.use(path, subApp)` does in Express: a shorter `url`, with `baseUrl` and `originalUrl`. */
export function stripMountPath(req: MountedRequest, path: string): void {
  const url = req.url ?? '/'
  req.originalUrl ??= url
  if (path.length === 1) return
  req.baseUrl = (req.baseUrl ?? '') + path
  req.url = strippedUrl(url, path)
}

/**
 * The rest of a request target that `path` owns, in origin form. With the host of an absolute target in front, apps would not agree on
 * where the path of `http://h?x=/y` begins.
 */
export function strippedUrl(url: string, path: string): string {
  if (path.length === 1) return url
  const rest = originForm(url).slice(path.length)
  return rest.charCodeAt(0) === SLASH ? rest : `/${rest}`
}

/** The host that an absolute target names; undefined for any other. */
export function authorityOf(url: string): string | undefined {
  const scheme = url.charCodeAt(0) === SLASH ? -1 : url.indexOf('://')
  return scheme < 0 ? undefined : url.slice(scheme + 3, authorityLength(url))
}

/** `next`, for which a request looks as it does now. */
export function restoring(req: MountedRequest, next: () => void): () => void {
  const { url, baseUrl, originalUrl } = req
  return () => {
    if (url !== undefined) req.url = url
    if (baseUrl === undefined) delete req.baseUrl
    else req.baseUrl = baseUrl
    if (originalUrl === undefined) delete req.originalUrl
    else req.originalUrl = originalUrl
    next()
  }
}
