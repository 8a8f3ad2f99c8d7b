import { SynclessError } from '../core/errors.js'
import type { Mount } from './mount.js'
import { originForm, owns } from './mount-path.js'

/** The mounts of a host, the longest path first, so that the first that owns a URL is the one meant. */
export class MountTable implements Iterable<Mount> {
  #mounts: Mount[] = []

  /** Adds a mount, in place of one whose app was closed. Throws `MOUNT_TAKEN` if the path has another. */
  add(mount: Mount): void {
    const present = this.at(mount.path)
    if (present?.over === true) this.remove(present)
    else if (present !== undefined) {
      throw new SynclessError('MOUNT_TAKEN', `"${mount.path}" has an app already: mount each app at a path of its own`)
    }
    this.#mounts = [...this.#mounts, mount].sort((a, b) => b.path.length - a.path.length)
  }

  remove(mount: Mount): void {
    this.#mounts = this.#mounts.filter(other => other !== mount)
  }

  /** The only mount; null where there are several, or none. */
  get sole(): Mount | null {
    return this.#mounts.length === 1 ? (this.#mounts[0] ?? null) : null
  }

  at(path: string): Mount | undefined {
    return this.#mounts.find(mount => mount.path === path)
  }

  /** The mount that owns a request target. */
  find(target: string): Mount | undefined {
    const url = originForm(target)
    for (const mount of this.#mounts) if (owns(mount.path, url)) return mount
    return undefined
  }

  [Symbol.iterator](): Iterator<Mount> {
    return this.#mounts[Symbol.iterator]()
  }
}
