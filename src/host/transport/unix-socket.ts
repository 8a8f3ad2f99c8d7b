/**
 * Files of Unix sockets. They outlive the process that made them, and nothing but a connection tells one that is left
 * from one that is served; removing the wrong one cuts a server off from its clients without a word.
 */
import { linkSync, renameSync, statSync, unlinkSync } from 'node:fs'
import { connect } from 'node:net'
import { codeOf } from '../../core/base/error-text.js'
import { SynclessError } from '../../core/base/errors.js'

/** `'live'` also where that cannot be told: nobody's socket is taken for left by mistake. */
export type PathState = 'free' | 'stale' | 'live' | 'file'

export async function whatIsAt(path: string): Promise<PathState> {
  if (!isAbstract(path)) {
    const stats = statSync(path, { throwIfNoEntry: false })
    if (stats === undefined) return 'free'
    if (!stats.isSocket()) return 'file'
  }
  return new Promise(resolve => {
    const probe = connect(path)
    const settle = (state: PathState) => {
      probe.destroy()
      resolve(state)
    }
    probe.on('connect', () => settle('live'))
    probe.on('error', error => settle(codeOf(error) === 'ECONNREFUSED' ? 'stale' : 'live'))
  })
}

/**
 * Removes the socket at `path` if nobody listens at it. Another process may do the same at the same moment and listen
 * there: so the file is first moved out of the way, and put back if it turns out to be served.
 */
export async function removeStale(path: string): Promise<void> {
  if (isAbstract(path)) return
  if ((await whatIsAt(path)) !== 'stale') return
  const aside = `${path}.${process.pid}.stale`
  try {
    renameSync(path, aside)
  } catch {
    // Somebody else was faster.
    return
  }
  try {
    if ((await whatIsAt(aside)) === 'live') linkSync(aside, path)
  } finally {
    unlinkSync(aside)
  }
}

/** Which file a path is now; undefined where it is none, as with Windows' pipes. */
export function fileAt(path: string): string | undefined {
  try {
    const { dev, ino } = statSync(path)
    return `${dev}:${ino}`
  } catch {
    return undefined
  }
}

/**
 * Runs `close`, which removes whatever is at `path`, in such a way that it removes only `file`: a process that has taken
 * the path over since keeps its socket. Returns a `CLOSE_FAILED` if the other's file could not be kept, or put back.
 */
export function closeKeepingOthers(path: string, file: string | undefined, close: () => void): SynclessError | null {
  const now = fileAt(path)
  if (file === undefined || now === undefined || now === file) {
    close()
    return null
  }
  const aside = `${path}.${process.pid}.kept`
  try {
    renameSync(path, aside)
  } catch (cause) {
    // Who may not move a file in its folder may not remove it either.
    close()
    return closeFailed(`${path} is now the socket of another server, and could not be moved out of the way`, cause)
  }
  close()
  try {
    renameSync(aside, path)
    return null
  } catch (cause) {
    return closeFailed(`the socket of another server could not be moved back from ${aside} to ${path}`, cause)
  }
}

function closeFailed(what: string, cause: unknown): SynclessError {
  return new SynclessError('CLOSE_FAILED', `check the file: ${what} (${codeOf(cause)})`, { cause })
}

/** Whether a path is a name of Linux without a file. */
function isAbstract(path: string): boolean {
  return path.startsWith('\0')
}

/** A path for messages; the names of abstract sockets begin with an `@` there, as other tools show them. */
export function shownPath(path: string): string {
  return isAbstract(path) ? `@${path.slice(1)}` : path
}
