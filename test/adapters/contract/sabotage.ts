/** Participants that break a guarantee, made of sound ones: the check of the guarantee has to fail for them. */
import { enterScope, type Receiver, Scope, type Tasklet } from '../../../src/core/index.js'
import type { Feed, Intake, Item, Sink, SinkKind, Source, SourceKind, SourceOptions, Step } from './participant.js'

/** A producer whose feed is what `tampered` makes of it. */
export function withFeed(kind: SourceKind, tampered: (feed: Feed) => Partial<Feed>): SourceKind {
  const make = (feed: Feed) => kind.make(override(feed, tampered(feed)))
  return { ...kind, make }
}

/** A producer of which each step goes through `change`; null takes it away. */
export function withSteps(kind: SourceKind, change: (step: Step) => Step | null): SourceKind {
  return withFeed(kind, feed => {
    const through = (sink: (step: Step) => void) => (step: Step) => {
      const changed = change(step)
      if (changed !== null) sink(changed)
      else feed.pull(through(sink))
    }
    return { flow: sink => feed.flow(flowing(sink, change)), pull: sink => feed.pull(through(sink)) }
  })
}

function flowing(sink: (step: Step) => void, change: (step: Step) => Step | null): (step: Step) => void {
  return step => {
    const changed = change(step)
    if (changed !== null) sink(changed)
  }
}

/** A producer that is bridged by `open`. */
export function withOpen(
  kind: SourceKind,
  open: (source: Source, options: SourceOptions) => Receiver<Item>,
): SourceKind {
  const make = async (feed: Feed) => {
    const source = await kind.make(feed)
    return override(source, { open: options => open(source, options) })
  }
  return { ...kind, make }
}

/** A consumer whose intake is what `tampered` makes of it. */
export function withIntake(kind: SinkKind, tampered: (intake: Intake) => Partial<Intake>): SinkKind {
  return { ...kind, make: (intake: Intake) => kind.make(override(intake, tampered(intake))) }
}

/** A consumer with other methods. */
export function withSink(kind: SinkKind, tampered: (sink: Sink) => Partial<Sink>): SinkKind {
  const make = async (intake: Intake) => {
    const sink = await kind.make(intake)
    return override(sink, tampered(sink))
  }
  return { ...kind, make }
}

/** A consumer that is bridged by `open`. */
export function withDrain(
  kind: SinkKind,
  open: (sink: Sink, receiver: Receiver<Item>) => Tasklet<unknown> | void,
): SinkKind {
  return withSink(kind, sink => ({ open: receiver => open(sink, receiver) }))
}

/** Runs `fn` outside the scope that is current, in one that nobody ends. */
export function elsewhere<R>(fn: () => R): R {
  return enterScope(new Scope({ name: 'elsewhere', onFailure: () => {} }), fn)
}

/** `object` with some methods of `other`. */
export function override<T extends object>(object: T, other: Partial<T>): T {
  return new Proxy(object, {
    get(target, key) {
      const owner = key in other ? other : target
      const value = Reflect.get(owner, key)
      return typeof value === 'function' ? value.bind(owner) : value
    },
  })
}
