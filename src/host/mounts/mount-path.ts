/** Mount paths: which are valid, which own a request, and what is left of a URL under one. */
import { inspect } from 'node:util'
import { SynclessError } from '../../core/base/errors.js'
import { type MountedRequest, originForm } from '../transport/request-target.js'

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
  if (/[?#]/.test(path)) return 'has a query or a fragment: leave it out, as a mount owns every query'
  if (/[*:(){}]/.test(path)) return 'looks like a pattern: give a plain prefix, and leave patterns to the app'
  if (/\/\.{1,2}(\/|$)/.test(path))
    return "has a '.' or '..' segment: leave it out, as clients remove it before they send"
  if (/[^\x21-\x7e]|["<>\\^`|]/.test(path))
    return 'has characters that clients send percent-encoded: percent-encode them'
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
