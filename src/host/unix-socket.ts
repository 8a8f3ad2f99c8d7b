/**
 * Files of Unix sockets. They outlive the process that made them, and nothing but a connection tells one that is left
 * from one that is served; removing the wrong one cuts a server off from its clients without a word.
 */
import { linkSync, renameSync, statSync, unlinkSync } from 'node:fs'
import { connect } from 'node:net'
import { codeOf } from './error-text.js'

/** `'live'` also where that cannot be told: nobody's socket is taken for left by mistake. */
export type PathState = 'free' | 'stale' | 'live' | 'file'

export async function whatIsAt(path: string): Promise<PathState> {
  const stats = statSync(path, { throwIfNoEntry: false })
  if (stats === undefined) return 'free'
  if (!stats.isSocket()) return 'file'
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
 * the path over since keeps its socket.
 */
export function closeKeepingOthers(path: string, file: string | undefined, close: () => void): void {
  const now = fileAt(path)
  if (file === undefined || now === undefined || now === file) {
    close()
    return
  }
  const aside = `${path}.${process.pid}.kept`
  renameSync(path, aside)
  try {
    close()
  } finally {
    renameSync(aside, path)
  }
}
