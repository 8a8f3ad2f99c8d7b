/** What the compiler has to accept and to refuse of syncless/stackless. Nothing here runs. */
import type { Co, Tasklet as CoreTasklet, Op } from '../../src/core/index.js'
import {
  bomb,
  type channel,
  type DeadlockError,
  greenlet,
  main,
  Queue,
  receiveWithTimeout,
  type run,
  runInTaskletWithTimeout,
  schedule,
  Timeout,
  tasklet,
} from '../../src/stackless/index.js'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
function same<_A, _B>(..._proof: Equal<_A, _B> extends true ? [] : ['the types differ']): void {}

declare const ch: channel<string>
declare function worker(name: string, count: number): Co<void>

// main() infers arguments and result, like go().
const answer = main(function* (n: number) {
  yield* schedule()
  return String(n)
}, 1)
same<typeof answer, CoreTasklet<string>>()
// @ts-expect-error: an argument of the wrong type
main((n: number) => n, 'x')

// setup() takes the arguments of the bound function.
const t = new tasklet(worker)
same<typeof t, tasklet<[name: string, count: number]>>()
t.setup('a', 1)
// @ts-expect-error: an argument is missing
t.setup('a')
// @ts-expect-error: an argument of the wrong type
new tasklet(worker, ['a', 'b'])
new tasklet(worker, ['a', 1])
new tasklet().bind(worker).setup('a', 1)
// @ts-expect-error: bound to another function
new tasklet().bind(worker).setup(1)
const any: tasklet = t
same<typeof any.next, tasklet | null>()

// Operations are the core's.
same<ReturnType<typeof t.run>, Op<unknown>>()
same<ReturnType<typeof ch.receive>, Op<string>>()
same<ReturnType<typeof ch.send>, Op<void>>()
same<ReturnType<typeof run>, Op<void>>()
ch.send('x')
ch.send(new bomb(Error))
// @ts-expect-error: a value of the wrong type
ch.send(1)

// Classes of errors come with the arguments of their constructors.
t.raiseException(RangeError, 'message')
ch.sendException(TypeError)
// @ts-expect-error: the wrong argument for the class
t.raise_exception(RangeError, 1)
// @ts-expect-error: not a class of errors
ch.send_exception(Date)
declare const deadlock: DeadlockError
same<typeof deadlock.kind, 'blocked' | 'receiving' | 'sending'>()

main(function* () {
  const item = yield* ch.next()
  if (!item.done) same<typeof item.value, string>()
  yield* ch.each(value => same<typeof value, string>())
  same<number, Awaited<number>>()
  const queue = new Queue([1, 2])
  const popped = yield* queue.pop()
  same<typeof popped, number>()
  const late = yield* receiveWithTimeout(5, ch)
  same<typeof late, string | undefined>()
  const other = yield* receiveWithTimeout(5, ch, 0)
  same<typeof other, string | number>()
  const result = yield* runInTaskletWithTimeout((n: number) => n, 5, null, 1)
  same<typeof result, number | null>()
  // @ts-expect-error: an argument of the wrong type
  yield* runInTaskletWithTimeout((n: number) => n, 5, null, 'x')
  const limited = yield* new Timeout(5).with(function* (limit) {
    limit.change(null)
    return yield* ch.receive()
  })
  same<typeof limited, string | undefined>()
  // @ts-expect-error: what a switch gives is unknown
  const n: number = yield* new greenlet((x: number) => x).switch(1)
  return n
})
