/**
 * The coroutine core: tasklets, channels, select, timeouts and scopes. It has no dependency.
 *
 * @module syncless
 */
export { action, type Executor } from './action.js'
export { type Broadcast, broadcast, type SubscribeOptions } from './broadcast.js'
export { call } from './call.js'
export {
  type Channel,
  type ChannelEnd,
  type ChannelStatistics,
  channel,
  type Receiver,
  type Sender,
} from './channel.js'
export type { IterationOptions } from './channel-iterator.js'
export { always, never } from './constant.js'
export { deadline } from './deadline.js'
export { type Deferred, deferred } from './deferred.js'
export { type Dump, dump, dumpOnSignal, type ScopeDump } from './dump.js'
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
} from './errors.js'
export { type Event, event } from './event.js'
export { current, detach, go, schedule } from './go.js'
export { addInstrument, type Instrument } from './instruments.js'
export type { Latched } from './latched.js'
export { main } from './main.js'
export type { Co, Op, Resume, Suspend } from './op.js'
export type { Overflow } from './overflow.js'
export { perform } from './perform.js'
export { all, race, type Winner, type Work, type Works } from './race.js'
export { enterScope, Scope, type ScopeOptions, type ScopeProvider } from './scope.js'
export { type ScopeResult, scope } from './scope-fn.js'
export { type Branches, type Choice, type Selected, type SelectOptions, select } from './select.js'
export { type Permit, type Semaphore, semaphore } from './semaphore.js'
export { shield } from './shield.js'
export { sleep } from './sleep.js'
export type { Tasklet, TaskletFunction, TaskletState } from './tasklet.js'
export type { AwaitDump, TaskletDump } from './tasklet-dump.js'
export { timeout } from './timeout.js'
export { until } from './until.js'
