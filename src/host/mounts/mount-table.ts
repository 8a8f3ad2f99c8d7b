import type { IncomingMessage } from 'node:http'
import { SynclessError } from '../../core/base/errors.js'
import { originForm } from '../transport/request-target.js'
import type { Mount } from './mount.js'
import { owns } from './mount-path.js'

/** The mounts of a host, the longest path first, so that the first that owns a URL is the one meant. */
export class MountTable implements Iterable<Mount> {
  #mounts: Mount[] = []
  /** Those that may guard a path of their own for the mounts behind them. */
  guards: readonly Mount[] = []
  /** Those that own nothing but upgrades to certain protocols. */
  #upgrades: Mount[] = []

  /**
   * Adds a mount, in place of one whose app was closed, else behind those at its path. Throws `MOUNT_TAKEN` unless each of
   * these hands over to the next, and `UPGRADE_TAKEN` if another owns the upgrades of the path to one of its protocols.
   */
  add(mount: Mount): void {
    if (mount.protocols === null) this.#set(withMount(this.#mounts, mount))
    else this.#upgrades = withUpgrades(this.#upgrades, mount, mount.protocols)
  }

  remove(mount: Mount): void {
    this.#set(this.#mounts.filter(other => other !== mount))
  }

  #set(mounts: Mount[]): void {
    this.#mounts = mounts
    this.guards = mounts.filter(({ handOverLimit, path }) => handOverLimit !== null && path.length > 1)
  }

  /** The only mount of an app; null where there are several, or none. */
  get sole(): Mount | null {
    const [first, second] = this.#mounts.filter(({ internal }) => !internal)
    return second === undefined ? (first ?? null) : null
  }

  at(path: string): Mount[] {
    return this.#mounts.filter(mount => mount.path === path)
  }

  of(server: object): Mount | undefined {
    for (const mount of this) if (mount.server === server) return mount
    return undefined
  }

  /** The mount that owns a request target. */
  find(target: string): Mount | undefined {
    const [first] = this.#mounts
    // A path this short comes last, so there is no other.
    if (first?.path.length === 1) return first
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

  /** The mounts that may take an upgrade, in the order in which they are asked. Of two at one path, one that names the protocol. */
  forUpgrade(target: string, req: IncomingMessage): Mount[] {
    const owner = this.find(target)
    const named = this.#named(target, req)
    if (named !== undefined && named.path.length >= (owner?.path.length ?? 0)) return [named]
    if (owner === undefined) return []
    return owner.handOverLimit === null ? [owner] : [owner, ...this.after(owner, target)]
  }

  #named(target: string, req: IncomingMessage): Mount | undefined {
    if (this.#upgrades.length === 0) return undefined
    const url = originForm(target)
    const offered = protocolsOf(req)
    return this.#upgrades.find(mount => owns(mount.path, url) && shares(mount, offered))
  }

  *[Symbol.iterator](): Iterator<Mount> {
    yield* this.#mounts
    yield* this.#upgrades
  }
}

function withMount(mounts: readonly Mount[], mount: Mount): Mount[] {
  const { path } = mount
  const added = inPlaceOf(mounts, mount, other => other.path === path && other.over)
  const here = added.filter(other => other.path === path)
  if (here.slice(0, -1).every(({ handOverLimit }) => handOverLimit !== null)) return added
  throw new SynclessError(
    'MOUNT_TAKEN',
    `mount each app at its own path, or the app that is asked first with { handOver: true }: "${path}" has an app already`,
  )
}

function withUpgrades(mounts: readonly Mount[], mount: Mount, protocols: ReadonlySet<string>): Mount[] {
  const rival = mounts.find(other => other.path === mount.path && shares(other, protocols))
  if (rival === undefined || rival.over) return inPlaceOf(mounts, mount, other => other === rival)
  const names = [...protocols].join(', ')
  throw new SynclessError(
    'UPGRADE_TAKEN',
    `choose another path or other protocols: another mount has the upgrades under "${mount.path}" to one of ${names}`,
  )
}

/** `mounts` with one more: in place of the first that `isOver`, else behind those with a path as long. */
function inPlaceOf(mounts: readonly Mount[], mount: Mount, isOver: (other: Mount) => boolean): Mount[] {
  const over = mounts.findIndex(isOver)
  if (over >= 0) return mounts.map((other, at) => (at === over ? mount : other))
  return [...mounts, mount].sort((a, b) => b.path.length - a.path.length)
}

function shares({ protocols }: Mount, others: ReadonlySet<string>): boolean {
  for (const protocol of protocols ?? []) if (others.has(protocol)) return true
  return false
}

/** The protocols that a client offers: the names in `Upgrade`, and the sub-protocols of WebSocket. */
function protocolsOf({ headers }: IncomingMessage): ReadonlySet<string> {
  const names = `${headers.upgrade?.toLowerCase() ?? ''},${headers['sec-websocket-protocol'] ?? ''}`
  return new Set(names.split(',').map(name => name.trim()))
}
