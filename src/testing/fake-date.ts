/** Puts a `Date` whose present is `now()` in place of the global one. Returns a function that puts the real one back. */
export function fakeDate(now: () => number): () => void {
  const real = globalThis.Date
  globalThis.Date = new Proxy(real, {
    construct: (target, args: unknown[], newTarget) =>
      Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget),
    apply: target => new target(now()).toString(),
    get: (target, key, receiver) => (key === 'now' ? now : Reflect.get(target, key, receiver)),
  })
  return () => {
    globalThis.Date = real
  }
}
