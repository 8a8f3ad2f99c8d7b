/** Who goes on after a meeting: every preference, in both directions, from both sides. */
import { channel, getcurrent, run, schedule, tasklet } from '../../src/stackless/index.js'
import { everywhere } from './support.js'

// In the ring behind the caller stand one bystander and, where it is appended, the partner.
const cases: readonly (readonly [action: 'send' | 'receive', preference: number, all: boolean, order: string])[] = [
  ['send', -1, false, 'partner bystander caller'],
  ['send', 0, false, 'caller bystander partner'],
  ['send', 1, false, 'caller bystander partner'],
  ['receive', -1, false, 'caller bystander partner'],
  ['receive', 0, false, 'caller bystander partner'],
  ['receive', 1, false, 'partner bystander caller'],
  ['send', -1, true, 'bystander partner caller'],
  ['send', 1, true, 'bystander partner caller'],
  ['receive', -1, true, 'bystander partner caller'],
  ['receive', 0, true, 'bystander partner caller'],
]

for (const [action, preference, all, order] of cases) {
  everywhere(`a ${action} with preference ${preference}${all ? ' and schedule_all' : ''}: ${order}`, function* () {
    const log: string[] = []
    const ch = new channel<string>()
    const partner = new tasklet(function* () {
      const got = action === 'send' ? yield* ch.receive() : yield* ch.send('value')
      log.push('partner')
      expect(got).toBe(action === 'send' ? 'value' : undefined)
    }).setup()
    yield* partner.run()
    new tasklet(() => log.push('bystander')).setup()
    ch.preference = preference
    ch.scheduleAll = all
    const got = action === 'send' ? yield* ch.send('value') : yield* ch.receive()
    log.push('caller')
    expect(got).toBe(action === 'send' ? undefined : 'value')
    yield* run()
    expect(log.join(' ')).toBe(order)
  })
}

everywhere('the partner that is preferred stands right behind the caller, who is last', function* () {
  const ch = new channel<number>()
  const bystander = new tasklet(() => {}).setup()
  let order: unknown[] = []
  const caller = getcurrent()
  const partner = new tasklet(function* () {
    yield* ch.receive()
    const self = getcurrent()
    order = [self.next, self.next?.next, self.prev]
  }).setup()
  bystander.remove()
  yield* partner.run()
  bystander.insert()
  yield* ch.send(1)
  expect(order).toEqual([bystander, caller, caller])
  yield* schedule()
})

everywhere('the queue is first in, first out', function* () {
  const ch = new channel<number>()
  const seen: string[] = []
  for (const name of ['a', 'b', 'c']) {
    new tasklet(function* () {
      seen.push(`${name}${yield* ch.receive()}`)
    }).setup()
  }
  yield* schedule()
  expect(ch.balance).toBe(-3)
  yield* ch.sendSequence([1, 2, 3])
  expect(seen).toEqual(['a1', 'b2', 'c3'])
})
