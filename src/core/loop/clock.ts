/** Where the core takes time and timers from; `syncless/testing` puts a virtual one in its place. */
export interface Clock {
  /** Milliseconds on a monotonic scale. */
  now(): number
  /** Milliseconds since 1970, as `Date.now()` gives them: what absolute times are compared with. */
  date(): number
  /** Calls `fn` once after `ms` milliseconds (at most 2^31-1); returns what `clearTimer` takes. */
  setTimer(fn: () => void, ms: number): object
  clearTimer(timer: object): void
  /** A timer that does not keep the process alive. */
  setBackgroundTimer(fn: () => void, ms: number): object
}

export const systemClock: Clock = {
  now: () => performance.now(),
  date: () => Date.now(),
  setTimer: (fn, ms) => setTimeout(fn, ms),
  clearTimer: timer => clearTimeout(timer as NodeJS.Timeout),
  setBackgroundTimer: (fn, ms) => setTimeout(fn, ms).unref(),
}
