/** What the compiler has to accept and to refuse. Nothing here runs; `npx tsc -p tsconfig.json --noEmit` is the test. */
import {
  action,
  all,
  always,
  type Broadcast,
  broadcast,
  Cancelled,
  type Channel,
  type ChannelEnd,
  type ChannelStatistics,
  type Co,
  call,
  channel,
  current,
  deadline,
  deferred,
  detach,
  type ErrorCode,
  type ExitSource,
  enterScope,
  event,
  go,
  isTaskletExit,
  main,
  never,
  type Op,
  type Permit,
  perform,
  type Receiver,
  race,
  Scope,
  type Sender,
  SynclessError,
  schedule,
  scope,
  select,
  semaphore,
  shield,
  sleep,
  type Tasklet,
  type TaskletExit,
  type TaskletState,
  TimeoutError,
  timeout,
  until,
} from '../../src/core/index.js'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
function same<_A, _B>(..._proof: Equal<_A, _B> extends true ? [] : ['the types differ']): void {}

declare const ch: Channel<string>
declare const numbers: Channel<number>

// go() infers the arguments and the result, of generator functions, async functions and plain ones.
const pair = go(
  function* (a: number, b: string) {
    yield* sleep(a)
    return { a, b }
  },
  1,
  'x',
)
same<typeof pair, Tasklet<{ a: number; b: string }>>()
const asynchronous = go(async (n: number) => String(n), 1)
same<typeof asynchronous, Tasklet<string>>()
const plain = go(() => 5)
same<typeof plain, Tasklet<number>>()
// @ts-expect-error an argument is missing
go(function* (_n: number) {})
// @ts-expect-error an argument has the wrong type
go(function* (_n: number) {}, 'x')
// @ts-expect-error one argument too many
go(function* () {}, 1)
function* helper(n: number): Co<string> {
  yield* sleep(n)
  return ''
}
const helped = go(helper, 1)
same<typeof helped, Tasklet<string>>()

// A tasklet is an operation on its result.
go(function* () {
  same<Awaited<typeof pair>, { a: number; b: string }>()
  const joined = yield* pair
  same<typeof joined, { a: number; b: string }>()
})

// yield* has the type of the operation, and await the same one.
go(function* () {
  const text = yield* ch.receive()
  same<typeof text, string>()
  const nothing = yield* ch.send('x')
  same<typeof nothing, void>()
  const step = yield* ch.next()
  if (step.done) same<typeof step.value, undefined>()
  else same<typeof step.value, string>()
  const length = yield* ch.receive().map(value => value.length)
  same<typeof length, number>()
  const promised = yield* until(Promise.resolve(1))
  same<typeof promised, number>()
  const called = yield* call(async signal => signal.aborted)
  same<typeof called, boolean>()
  const acted = yield* action<number>(resolve => resolve(1))
  same<typeof acted, number>()
  const constant = yield* always('x' as const)
  same<typeof constant, 'x'>()
  const helped = yield* helper(1)
  same<typeof helped, string>()
  // @ts-expect-error a channel of strings takes no number
  yield* ch.send(1)
  yield* never
})
async function awaiting(): Promise<void> {
  const text = await ch.receive()
  same<typeof text, string>()
  const performed = await perform(ch.receive(), { signal: AbortSignal.timeout(1) })
  same<typeof performed, string>()
  for await (const value of ch) same<typeof value, string>()
}
void awaiting

// A missing star is an error: a plain yield of anything.
// @ts-expect-error a plain value
go(function* () {
  yield 1
})
// @ts-expect-error an operation without the star
go(function* () {
  yield ch.receive()
})
// @ts-expect-error a promise
go(function* () {
  yield Promise.resolve(1)
})
// @ts-expect-error a coroutine without the star
scope(function* () {
  yield helper(1)
})
// @ts-expect-error in a timeout
timeout(5, function* () {
  yield sleep(1)
})
function* annotated(): Co<void> {
  // @ts-expect-error in a function that says it is a coroutine
  yield ch.receive()
}
void annotated
// What a forgotten star gives is not the value.
go(function* () {
  // @ts-expect-error an operation is no string
  const text: string = ch.receive()
  // @ts-expect-error a coroutine is no string
  const other: string = helper(1)
  void text
  void other
})
// @ts-expect-error a generator object is no function
go(helper(1))
// A generator of something else is no coroutine.
function* foreign(): Generator<number, string, unknown> {
  yield 1
  return ''
}
// @ts-expect-error its yields are not operations
scope(foreign)
function* delegating(): Co<void> {
  // @ts-expect-error nor can it be delegated to
  yield* foreign()
}
void delegating

// select gives a union that its key discriminates.
go(function* () {
  const chosen = yield* select({ job: ch.receive(), count: numbers.receive(), tick: sleep(5) })
  same<typeof chosen, { key: 'job'; value: string } | { key: 'count'; value: number } | { key: 'tick'; value: void }>()
  switch (chosen.key) {
    case 'job':
      same<typeof chosen.value, string>()
      break
    case 'count':
      same<typeof chosen.value, number>()
      break
    case 'tick':
      same<typeof chosen.value, void>()
      break
    default: {
      const nothingLeft: never = chosen
      void nothingLeft
    }
  }
  // @ts-expect-error no branch has this key
  void (chosen.key === 'other')

  const polled = yield* select({ job: ch.receive() }, { orElse: 'none' as const })
  same<typeof polled, { key: 'job'; value: string } | { key: 'orElse'; value: 'none' }>()

  const enabled = Math.random() > 0.5
  const optional = yield* select({ job: enabled && ch.receive(), tick: enabled ? sleep(5) : null })
  same<typeof optional, { key: 'job'; value: string } | { key: 'tick'; value: void }>()

  // @ts-expect-error a promise is no branch
  yield* select({ p: Promise.resolve(1) })

  const nested = yield* select({ inner: select({ job: ch.receive() }), tick: sleep(5) })
  if (nested.key === 'inner') same<typeof nested.value, { key: 'job'; value: string }>()
})

// timeout without `else` has the type of its work; with it, either.
const limited = timeout(5, ch.receive())
same<typeof limited, Op<string>>()
const withElse = timeout(5, ch.receive(), { else: null })
same<typeof withElse, Op<string | null>>()
const limitedFunction = timeout(5, function* () {
  yield* sleep(1)
  return 1
})
same<typeof limitedFunction, Op<number>>()
const functionWithElse = timeout(5, () => helper(1), { else: undefined })
same<typeof functionWithElse, Op<string | undefined>>()
// deadline has the types of timeout, and takes a date.
const byInstant = deadline(new Date(), ch.receive())
same<typeof byInstant, Op<string>>()
const deadlineWithElse = deadline(5, () => helper(1), { else: null })
same<typeof deadlineWithElse, Op<string | null>>()
// @ts-expect-error a text is no instant
deadline('2030-01-01', ch.receive())
// @ts-expect-error in a deadline
deadline(5, function* () {
  yield sleep(1)
})

// A scope that cannot be cancelled from inside always has its result; one that can may give undefined.
const closedScope = scope(function* () {
  yield* sleep(1)
  return 1
})
same<typeof closedScope, Op<number>>()
const cancellable = scope(function* (s) {
  s.cancel()
  yield* sleep(1)
  return 1
})
same<typeof cancellable, Op<number | undefined>>()

// A Receiver is covariant, a Sender contravariant, a Channel both halves.
declare const stringReceiver: Receiver<string>
declare const wideSender: Sender<string | number>
const wideReceiver: Receiver<string | number> = stringReceiver
const stringSender: Sender<string> = wideSender
const halves: [Receiver<string>, Sender<string>] = [ch, ch]
// @ts-expect-error a receiver of strings and numbers is no receiver of strings
const narrowReceiver: Receiver<string> = wideReceiver
// @ts-expect-error a sender of strings takes no numbers
const widerSender: Sender<string | number> = stringSender
void [halves, narrowReceiver, widerSender]
// @ts-expect-error a receiver cannot send
stringReceiver.send
// @ts-expect-error a sender cannot receive
wideSender.receive
const inferred = channel<number>(2)
same<typeof inferred, Channel<number>>()

// An operation is covariant in its value.
const wide: Op<string | number> = ch.receive()
// @ts-expect-error and not the other way round
const narrow: Op<string> = wide
void narrow

// The results of a poll of one channel.
const taken = ch.tryReceive()
if (taken.ok) same<typeof taken.value, string>()
else same<typeof taken.done, boolean>()
const sent = ch.trySend('x')
same<typeof sent, 'sent' | 'full' | 'closed'>()

// A broadcast has the type of what is published; a subscription is a receiver.
const news = broadcast<string>({ name: 'news' })
same<typeof news, Broadcast<string>>()
const subscription = news.subscribe({ capacity: 1, overflow: 'latest' })
same<typeof subscription, Receiver<string>>()
const published = news.publish('x')
same<typeof published, Op<void>>()
// @ts-expect-error a broadcast of strings publishes no number
news.publish(1)
// @ts-expect-error there is no such policy
news.subscribe({ overflow: 'newest' })

// Permits, flags, and outcomes that come later.
go(function* () {
  const permit = yield* semaphore(2).acquire()
  same<typeof permit, Permit>()
  using _released: Permit = permit
  const raised = yield* event().wait()
  same<typeof raised, void>()
  const answer = deferred<number>()
  const answered = yield* answer
  same<typeof answered, number>()
  // @ts-expect-error it takes a number
  answer.resolve('x')
})

// race() gives the winner, discriminated by its key; all() the results in the shape of what it got.
go(function* () {
  const winner = yield* race({ text: ch.receive(), count: async () => 1, nothing: function* () {}, plain: () => true })
  same<
    typeof winner,
    | { key: 'text'; value: string }
    | { key: 'count'; value: number }
    | { key: 'nothing'; value: void }
    | { key: 'plain'; value: boolean }
  >()
  const record = yield* all({ text: ch.receive(), count: async () => 1 })
  same<typeof record, { text: string; count: number }>()
  const tuple = yield* all([ch.receive(), async () => 1, () => helper(1)])
  same<typeof tuple, [string, number, string]>()
  // @ts-expect-error a promise is no work: it runs already
  yield* race({ a: Promise.resolve(1) })
  // @ts-expect-error nor is it for all()
  yield* all([Promise.resolve(1)])
})
race({
  // @ts-expect-error a coroutine without the star, in a race
  a: function* () {
    yield helper(1)
  },
})
all([
  () => helper(1),
  // @ts-expect-error nor in all()
  function* () {
    yield sleep(1)
  },
])

// Scopes that are held, and what runs in them.
const held = new Scope({ name: 'held', onFailure: error => same<typeof error, unknown>() })
const inHeld = held.go((n: number) => helper(n), 1)
same<typeof inHeld, Tasklet<string>>()
// @ts-expect-error the argument is missing
held.go((n: number) => helper(n))
const heldClosed = held.close()
same<typeof heldClosed, Op<void>>()
const entered = enterScope(held, (a: string, b: number) => a.repeat(b), 'x', 2)
same<typeof entered, string>()
const detached = detach((n: number) => n, 1)
same<typeof detached, Tasklet<number>>()
const shielded = shield(10, () => helper(1))
same<typeof shielded, Op<string>>()
const program = main(function* (s) {
  same<typeof s, Scope>()
  yield* sleep(1)
  return 1
})
same<typeof program, Promise<number | undefined>>()
// @ts-expect-error without the star, in a program
main(function* () {
  yield sleep(1)
})
// @ts-expect-error without the star, in a shield
shield(10, function* () {
  yield sleep(1)
})

// A tasklet and what is asked of it.
const running = current()
same<typeof running, Tasklet<unknown>>()
const killing = pair.kill('why')
same<typeof killing, Op<void>>()
same<typeof pair.state, TaskletState>()
same<typeof pair.signal, AbortSignal>()
const raised = pair.raise(new Error())
same<typeof raised, void>()
const mappedJoin = pair.map(result => result.a)
same<typeof mappedJoin, Op<number>>()
const scheduled = schedule()
same<typeof scheduled, Op<void>>()
// @ts-expect-error the id is given
pair.id = 1

// call() takes a coroutine or an async function.
const calledCoroutine = call(helper(1))
same<typeof calledCoroutine, Op<string>>()
// @ts-expect-error a function that gives no promise
call(() => 1)
// @ts-expect-error a promise: use until()
call(Promise.resolve(1))
// @ts-expect-error no promise
until(5)
// @ts-expect-error what it resolves with has the type of the operation
action<number>(resolve => resolve('x'))
// @ts-expect-error a cancel function takes nothing
action<number>(() => (n: number) => n)

// Ends of channels, iterators, statistics.
go(function* () {
  const end = yield* ch.ended
  same<typeof end, ChannelEnd>()
  if (end.by === 'cancel') same<typeof end.reason, unknown>()
  yield* ch.each(value => same<typeof value, string>())
  yield* ch.each(function* (value) {
    same<typeof value, string>()
    yield* sleep(1)
  })
})
// @ts-expect-error without the star, in each()
ch.each(function* () {
  yield sleep(1)
})
// @ts-expect-error in a held scope
held.go(function* () {
  yield sleep(1)
})
// @ts-expect-error in a detached tasklet
detach(function* () {
  yield sleep(1)
})
same<ReturnType<typeof ch.values>, AsyncIterableIterator<string>>()
same<ReturnType<typeof ch.statistics>, ChannelStatistics>()
same<typeof ch.preference, -1 | 0 | 1>()
// @ts-expect-error no such preference
ch.preference = 2
// @ts-expect-error what is counted cannot be set
ch.balance = 1

// Errors are told apart by class and by code.
function told(error: unknown): void {
  if (error instanceof TimeoutError) same<typeof error.ms, number>()
  if (error instanceof SynclessError) {
    same<typeof error.code, ErrorCode>()
    // @ts-expect-error no error has this code
    void (error.code === 'NO_SUCH_CODE')
  }
  if (isTaskletExit(error)) {
    same<typeof error, TaskletExit>()
    same<typeof error.source, ExitSource>()
  }
  if (error instanceof Cancelled) same<typeof error.scope, object>()
}
void told
