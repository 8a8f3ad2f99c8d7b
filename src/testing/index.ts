/**
 * What tests of concurrent code need: a clock that obeys, seeded schedules, and connections in memory.
 *
 * @module syncless/testing
 */
export {
  type MemoryAddress,
  type MemorySocket,
  type MemorySocketOptions,
  memorySocketPair,
} from '../host/memory-socket.js'
export { seed } from './seed.js'
export { runUntilIdle, type VirtualClock, virtualClock } from './virtual-clock.js'
