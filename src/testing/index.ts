/**
 * What tests of concurrent code need: a clock that obeys, seeded schedules, single steps, a check for what was left
 * behind, and connections in memory.
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
