/**
 * What tests of concurrent code need: a clock that obeys, and seeded schedules.
 *
 * @module syncless/testing
 */
export { seed } from './seed.js'
export { runUntilIdle, type VirtualClock, virtualClock } from './virtual-clock.js'
