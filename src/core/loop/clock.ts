/** The source of the core's time and timers; `syncless/testing` puts a virtual one in its place. */
export interface Clock {
  /** Returns milliseconds on a monotonic scale. */
  now(): number
  /** Returns milliseconds since 1970, as `Date.now()` gives them: absolute times are compared with these. */
  date(): number
  /** Calls `fn` once after `ms` milliseconds (at most 2^31-1); returns the argument for `clearTimer`. */
  setTimer(fn: () => void, ms: number): object
  clearTimer(timer: object): void
  /** Sets a timer that does not keep the process alive. */
  setBackgroundTimer(fn: () => void, ms: number): object
}

export const systemClock: Clock = {
  now: () => performance.now(),
  date: () => Date.now(),
  setTimer: (fn, ms) => setTimeout(fn, ms),
  clearTimer: timer => clearTimeout(timer as NodeJS.Timeout),
  setBackgroundTimer: (fn, ms) => setTimeout(fn, ms).unref(),
}
