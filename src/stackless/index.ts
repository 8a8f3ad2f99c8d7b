/**
 * The vocabulary of Stackless Python, with the order of its switches: tasklets, channels and the scheduler, for programs
 * that are ported. Also the `Queue` and the timeouts of the original Syncless, and greenlets. Write new programs with
 * `syncless` itself.
 *
 * @module syncless/stackless
 */
export { TaskletExit } from '../core/base/errors.js'
export { channel } from './channel.js'
export { GreenletExit, greenlet } from './greenlet.js'
export {
  type ChannelCallback,
  type ErrorHandler,
  get_channel_callback,
  get_schedule_callback,
  getChannelCallback,
  getScheduleCallback,
  type ScheduleCallback,
  set_channel_callback,
  set_error_handler,
  set_schedule_callback,
  setChannelCallback,
  setErrorHandler,
  setScheduleCallback,
} from './hooks.js'
export { main } from './main.js'
export { Queue } from './queue.js'
export {
  atomic,
  getcurrent,
  getmain,
  getruncount,
  run,
  schedule,
  schedule_remove,
  scheduleRemove,
  switch_trap,
  switchTrap,
} from './scheduler.js'
export { type ThrowOptions, tasklet } from './tasklet.js'
export { Timeout, TimeoutException } from './timeout.js'
export {
  receive_with_timeout,
  receiveWithTimeout,
  run_in_tasklet_with_timeout,
  runInTaskletWithTimeout,
} from './with-timeout.js'
export { bomb } from './world/bomb.js'
export { DeadlockError, type DeadlockKind, type ErrorClass, StopIteration } from './world/errors.js'
