/**
 * Tools for tests of concurrent code: a clock under control, seeded schedules, single steps, a check for leaks, and
 * connections in memory.
 *
 * @module syncless/testing
 */
export {
  type MemoryAddress,
  type MemorySocket,
  type MemorySocketOptions,
  memorySocketPair,
} from '../host/memory/memory-socket.js'
export { runUntilIdle } from './idle.js'
export { assertNoLeaks, type LeakCheck, type LeakOptions, leakCheck } from './leaks.js'
export { type Seeded, type SeedOptions, seed } from './seed.js'
export { type Stepper, stepping } from './stepping.js'
export { type VirtualClock, type VirtualClockOptions, virtualClock } from './virtual-clock.js'
