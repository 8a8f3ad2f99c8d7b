/**
 * The coroutine core: tasklets, channels, select, timeouts and scopes. It has no dependency.
 *
 * @module syncless
 */

export {
  Cancelled,
  ChannelCancelled,
  ChannelClosed,
  type ErrorCode,
  type ExitSource,
  errorCodes,
  isTaskletExit,
  rethrowIfExit,
  SynclessError,
  TaskletExit,
  TaskletKilled,
  TimeoutError,
} from './base/errors.js'
export { type Broadcast, broadcast, type SubscribeOptions } from './channel/broadcast.js'
export {
  type Channel,
  type ChannelEnd,
  type ChannelStatistics,
  channel,
  type Receiver,
  type Sender,
} from './channel/channel.js'
export type { IterationOptions } from './channel/channel-iterator.js'
export type { Overflow } from './channel/overflow.js'
export { type Dump, dump, dumpOnSignal, type ScopeDump } from './debug/dump.js'
export { addInstrument, type Instrument } from './debug/instruments.js'
export type { AwaitDump, TaskletDump } from './debug/tasklet-dump.js'
export type { Latched } from './loop/latched.js'
export type { Co, Op, Resume, Suspend } from './loop/op.js'
export { action, type Executor } from './ops/action.js'
export { always, never } from './ops/always-never.js'
export { type Deferred, deferred } from './ops/deferred.js'
export { type Event, event } from './ops/event.js'
export { perform } from './ops/perform.js'
export { type Branches, type Choice, type Selected, type SelectOptions, select } from './ops/select.js'
export { type Permit, type Semaphore, semaphore } from './ops/semaphore.js'
export { sleep } from './ops/sleep.js'
export { until } from './ops/until.js'
export { deadline } from './scope/deadline.js'
export { current, detach, go, schedule } from './scope/go.js'
export { main } from './scope/main.js'
export { all, race, type Winner, type Work, type Works } from './scope/race.js'
export { enterScope, Scope, type ScopeOptions, type ScopeProvider } from './scope/scope.js'
export { type ScopeResult, scope } from './scope/scope-block.js'
export { shield } from './scope/shield.js'
export { timeout } from './scope/timeout.js'
export { call } from './tasklet/call.js'
export type { Tasklet, TaskletFunction, TaskletState } from './tasklet/tasklet.js'
