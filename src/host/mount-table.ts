import { SynclessError } from '../core/errors.js'
import type { Mount } from './mount.js'
import { originForm, owns } from './mount-path.js'

/** The mounts of a host, the longest path first, so that the first that owns a URL is the one meant. */
export class MountTable implements Iterable<Mount> {
  #mounts: Mount[] = []

  /**
   * Adds a mount, in place of one whose app was closed, else behind those at its path. Throws `MOUNT_TAKEN` unless each of
   * these hands over to the next.
   */
  add(mount: Mount): void {
    const { path } = mount
    const closed = this.#mounts.findIndex(other => other.path === path && other.over)
    const mounts =
      closed < 0
        ? [...this.#mounts, mount].sort((a, b) => b.path.length - a.path.length)
        : this.#mounts.map((other, at) => (at === closed ? mount : other))
    const here = mounts.filter(other => other.path === path)
    if (here.slice(0, -1).some(({ handOverLimit }) => handOverLimit === null)) {
      throw new SynclessError(
        'MOUNT_TAKEN',
        `"${path}" has an app already: mount each app at a path of its own, or the one that is asked first with ` +
          '{ handOver: true }',
      )
    }
    this.#mounts = mounts
  }

  remove(mount: Mount): void {
    this.#mounts = this.#mounts.filter(other => other !== mount)
  }

  /** The only mount; null where there are several, or none. */
  get sole(): Mount | null {
    return this.#mounts.length === 1 ? (this.#mounts[0] ?? null) : null
  }

  at(path: string): Mount[] {
    return this.#mounts.filter(mount => mount.path === path)
  }

  of(server: object): Mount | undefined {
    return this.#mounts.find(mount => mount.server === server)
  }

  /** The mount that owns a request target. */
  find(target: string): Mount | undefined {
    const url = originForm(target)
    for (const mount of this.#mounts) if (owns(mount.path, url)) return mount
    return undefined
  }

  /** The mounts that get what `mount` has nothing for: the next that owns the target, and those it hands over to in turn. */
  after(mount: Mount, target: string): Mount[] {
    const url = originForm(target)
    const rest: Mount[] = []
    let last = mount
    for (const next of this.#mounts.slice(this.#mounts.indexOf(mount) + 1)) {
      if (last.handOverLimit === null) break
      if (!owns(next.path, url)) continue
      rest.push(next)
      last = next
    }
    return rest
  }

  [Symbol.iterator](): Iterator<Mount> {
    return this.#mounts[Symbol.iterator]()
  }
}
