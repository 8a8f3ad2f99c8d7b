import { ObjectUnsubscribedError, Observable, type Observer, ReplaySubject, Subject, type Subscriber } from 'rxjs'
import * as rx from '../../../src/adapters/rx/index.js'
import { channel } from '../../../src/core/index.js'
import { inScope, outcome, reported, TestScope, turns, watch } from '../support.js'

const failure = new Error('failure')

function sink() {
  const seen: unknown[] = []
  const observer: Observer<number> = {
    next: value => seen.push(value),
    error: error => seen.push(['error', error]),
    complete: () => seen.push('complete'),
  }
  return { seen, observer }
}

test('everything is delivered in order, then the observer is completed', async () => {
  const { seen, observer } = sink()
  const ch = channel<number>(2)
  const drained = rx.drainTo(ch, observer)
  for (const n of [1, 2, 3, 4]) await ch.send(n)
  ch.close()
  expect(await drained).toBe('ended')
  expect(seen).toEqual([1, 2, 3, 4, 'complete'])
})

test('an error reaches the observer and the tasklet, as the same object', async () => {
  const { seen, observer } = sink()
  const ch = channel<number>(2)
  const drained = inScope(() => rx.drainTo(ch, observer))
  ch.trySend(1)
  ch.close(failure)
  expect(await outcome(drained)).toBe(failure)
  expect(seen).toEqual([1, ['error', failure]])
})

test('with end: false the observer is left open, also by an error and a kill', async () => {
  for (const end of ['close', 'error', 'kill'] as const) {
    const { seen, observer } = sink()
    const ch = channel<number>(2)
    const drained = inScope(() => rx.drainTo(ch, observer, { end: false }))
    await ch.send(1)
    if (end === 'kill') drained.kill()
    else ch.close(end === 'error' ? failure : undefined)
    const expected = { close: 'ended', error: failure, kill: expect.objectContaining({ code: 'TASKLET_KILLED' }) }
    expect(await outcome(drained)).toEqual(expected[end])
    expect(seen.slice(1)).toEqual([])
  }
})

test('a subject is completed, or fails, and nothing is left on it', async () => {
  for (const error of [undefined, failure]) {
    const { seen, observer } = sink()
    const subject = new Subject<number>()
    subject.subscribe(observer)
    const ch = channel<number>(1)
    const drained = inScope(() => rx.drainTo(ch, subject))
    await ch.send(1)
    ch.close(error)
    expect(await outcome(drained)).toBe(error ?? 'ended')
    expect(seen).toEqual([1, error === undefined ? 'complete' : ['error', failure]])
    expect(subject.observed).toBe(false)
  }
})

test('with end: false nothing is left on a subject', async () => {
  const subject = new Subject<number>()
  const into = channel<number>()
  const drained = rx.drainTo(into, subject, { end: false })
  expect(subject.observed).toBe(true)
  into.close()
  expect(await drained).toBe('ended')
  expect(subject.observed).toBe(false)
})

test('a subject that is ended elsewhere cancels the channel in the same turn, while it has nothing', async () => {
  for (const error of [undefined, failure]) {
    const subject = new Subject<number>()
    subject.subscribe({ error: () => {} })
    const ch = channel<number>()
    const drained = watch(rx.drainTo(ch, subject))
    await turns()
    if (error === undefined) subject.complete()
    else subject.error(error)
    expect([ch.closed, ch.balance]).toEqual([true, 0])
    await turns()
    expect(drained.outcome).toBe('left')
    expect(await ch.ended).toEqual({ by: 'cancel', reason: error })
    expect(subject.observed).toBe(false)
  }
})

test('a subject that has ended already cancels the channel', async () => {
  const subject = new ReplaySubject<number>()
  subject.complete()
  const ch = channel<number>()
  expect(await rx.drainTo(ch, subject)).toBe('left')
  expect(ch.closed).toBe(true)
})

test('a subscriber that is unsubscribed cancels the channel in the same turn', async () => {
  const ch = channel<number>()
  const observable = new Observable<number>((subscriber: Subscriber<number>) => {
    rx.drainTo(ch, subscriber)
  })
  const seen: number[] = []
  const subscription = observable.subscribe(value => seen.push(value))
  await ch.send(1)
  await turns()
  subscription.unsubscribe()
  expect([ch.closed, ch.balance]).toEqual([true, 0])
  expect(seen).toEqual([1])
})

test('an observer that throws fails the tasklet and cancels the channel', async () => {
  const ch = channel<number>()
  const { observer } = sink()
  observer.next = () => {
    throw failure
  }
  const drained = inScope(() => rx.drainTo(ch, observer))
  await ch.send(1)
  expect(await outcome(drained)).toBe(failure)
  expect(await ch.ended).toEqual({ by: 'cancel', reason: failure })
})

test('a subject that was unsubscribed is refused, and leaves the channel free', async () => {
  const request = new TestScope()
  const subject = new Subject<number>()
  subject.unsubscribe()
  const ch = channel<number>()
  expect(() => request.run(() => rx.drainTo(ch, subject))).toThrow(ObjectUnsubscribedError)
  expect(request.scope.size).toBe(0)
  const drained = rx.drainTo(ch, new Subject<number>())
  ch.close()
  expect(await drained).toBe('ended')
})

test('a kill cancels the channel and tells the observer, also before the first turn', async () => {
  for (const started of [false, true]) {
    const { seen, observer } = sink()
    const ch = channel<number>()
    const drained = inScope(() => rx.drainTo(ch, observer))
    if (started) await turns()
    await drained.kill('enough')
    expect([ch.closed, ch.balance]).toEqual([true, 0])
    expect(seen).toEqual([['error', expect.objectContaining({ code: 'TASKLET_KILLED' })]])
  }
})

test('a kill reports an observer that throws when it is told', async () => {
  const { observer } = sink()
  observer.error = () => {
    throw failure
  }
  const drained = inScope(() => rx.drainTo(channel<number>(), observer))
  const warnings = await reported(async () => drained.kill())
  expect(warnings).toEqual([expect.stringContaining('the sink threw when it was told of the kill: failure')])
})

test('it belongs to its scope, and leaves nothing on the observer', async () => {
  const request = new TestScope()
  const subject = new Subject<number>()
  subject.subscribe({ error: () => {} })
  const ch = channel<number>()
  const drained = request.run(() => rx.drainTo(ch, subject))
  await turns()
  expect(request.scope.size).toBe(1)
  request.scope.cancel()
  await turns()
  expect(drained.state).toBe('killed')
  expect([ch.closed, request.scope.size, subject.observed]).toEqual([true, 0, false])
})
