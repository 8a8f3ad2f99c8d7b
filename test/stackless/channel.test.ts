/** After Stackless' test_channel.py: rendezvous, errors over a channel, block_trap, the ends. */
import type { Co } from '../../src/core/index.js'
import { bomb, channel, getcurrent, run, StopIteration, schedule, tasklet } from '../../src/stackless/index.js'
import { everywhere, raises, thrownBy, throws } from './support.js'

const noBlocking = 'this tasklet does not like to be blocked.'
const closedMessage = 'Send/receive operation on a closed channel'

function* withBlockTrap(body: () => Co<void>): Co<void> {
  getcurrent().blockTrap = true
  try {
    yield* body()
  } finally {
    getcurrent().block_trap = false
  }
}

describe('TestChannels', () => {
  everywhere('testBlockingSend', function* () {
    const ch = new channel<number>()
    const t = new tasklet((c: channel<number>) => c.send(1)).setup(ch)
    yield* t.run()
    expect([t.blocked, t.scheduled, t.paused, ch.balance, ch.queue]).toEqual([true, true, false, 1, t])
    yield* t.kill()
  })

  everywhere('testBlockingReceive', function* () {
    const ch = new channel()
    const t = new tasklet(() => ch.receive()).setup()
    yield* t.run()
    expect([t.blocked, ch.balance, ch.queue, t._channel]).toEqual([true, -1, t, ch])
    yield* t.kill()
  })

  everywhere('testNonBlockingSend', function* () {
    const ch = new channel<number>()
    const received: number[] = []
    yield* new tasklet(function* () {
      received.push(yield* ch.receive())
    })
      .setup()
      .run()
    yield* withBlockTrap(() => ch.send(1)[Symbol.iterator]() as Co<void>)
    expect(received).toEqual([1])
  })

  everywhere('testNonBlockingReceive', function* () {
    const ch = new channel<number>()
    const t = new tasklet(() => ch.send(1)).setup()
    yield* t.run()
    yield* withBlockTrap(function* () {
      expect(yield* ch.receive()).toBe(1)
    })
    yield* t.kill()
  })

  everywhere('testSendException', function* () {
    const ch = new channel()
    const t = new tasklet(() => ch.sendException(RangeError, 'far')).setup()
    yield* t.run()
    yield* raises(ch.receive(), RangeError, 'far')
    yield* run()
  })

  everywhere('testSendThrow: the error is the very one, with its stack', function* () {
    const ch = new channel()
    function bar(): never {
      throw new RangeError('1, 2, 3')
    }
    let sent: unknown
    const t = new tasklet(function* () {
      try {
        bar()
      } catch (error) {
        sent = error
        yield* ch.sendThrow(error)
      }
    }).setup()
    yield* t.run()
    const received = yield* thrownBy(ch.receive())
    expect(received).toBe(sent)
    expect((received as Error).stack).toContain('bar')
    yield* run()
  })

  everywhere('testSendThrow with a class, which is made into an error', function* () {
    const ch = new channel()
    new tasklet(() => ch.send_throw(TypeError)).setup()
    yield* raises(ch.receive(), TypeError)
    yield* run()
  })

  everywhere('testBlockTrapSend', function* () {
    const ch = new channel()
    yield* withBlockTrap(() => throws(ch.send(null), 'BLOCK_TRAP', noBlocking))
    expect([ch.balance, getcurrent().scheduled]).toEqual([0, true])
  })

  everywhere('testBlockTrapRecv', function* () {
    const ch = new channel()
    yield* withBlockTrap(() => throws(ch.receive(), 'BLOCK_TRAP', noBlocking))
    expect(ch.balance).toBe(0)
  })

  everywhere('block_trap is checked before the end of the channel', function* () {
    const ch = new channel()
    ch.close()
    yield* withBlockTrap(() => throws(ch.receive(), 'BLOCK_TRAP', noBlocking))
    yield* throws(ch.receive(), 'CHANNEL_CLOSED', closedMessage)
  })

  everywhere('an op that fails leaves the tempval', function* () {
    const ch = new channel()
    getcurrent().tempval = 'kept'
    yield* withBlockTrap(() => throws(ch.send('lost'), 'BLOCK_TRAP'))
    expect(getcurrent().tempval).toBe('kept')
    getcurrent().tempval = undefined
  })
})

describe('TestClose', () => {
  everywhere('testSequence: close does not wake a receiver, it has to be pumped', function* () {
    const ch = new channel<number | null>()
    const data: (number | null)[] = []
    new tasklet(function* () {
      yield* ch.sendSequence([0, 1, 2, 3, 4])
      ch.close()
      while (ch.closing && !ch.closed) yield* ch.send(null)
    }).setup()
    new tasklet(() => ch.each(value => data.push(value))).setup()
    yield* run()
    while (data.at(-1) === null) data.pop()
    expect(data).toEqual([0, 1, 2, 3, 4])
    expect(ch.closed).toBe(true)
  })

  everywhere('testSequence2: StopIteration ends the receiver', function* () {
    const ch = new channel<number>()
    const data: number[] = []
    let count = 0
    new tasklet(function* () {
      count = yield* ch.send_sequence(new Set([5, 6, 7]))
      yield* ch.send_exception(StopIteration)
      ch.close()
    }).setup()
    const receiver = new tasklet(() => ch.each(value => data.push(value))).setup()
    yield* run()
    expect([data, count, ch.closed, receiver.alive]).toEqual([[5, 6, 7], 3, true, false])
  })

  everywhere('testSender', function* () {
    const ch = new channel()
    ch.close()
    yield* throws(ch.send(null), 'CHANNEL_CLOSED', closedMessage)
  })

  everywhere('testReceiver', function* () {
    const ch = new channel()
    ch.close()
    yield* throws(ch.receive(), 'CHANNEL_CLOSED', closedMessage)
  })

  everywhere('testIterator', function* () {
    const ch = new channel()
    ch.close()
    expect(yield* ch.next()).toEqual({ done: true, value: undefined })
  })

  everywhere('blocked senders are still received from, and closed says when they are gone', function* () {
    const ch = new channel<string>()
    new tasklet(() => ch.send('a')).setup()
    new tasklet(() => ch.send('b')).setup()
    yield* schedule()
    ch.close()
    expect([ch.closing, ch.closed, ch.balance]).toEqual([true, false, 2])
    const seen: string[] = []
    yield* ch.each(value => seen.push(value))
    expect([seen, ch.closed]).toEqual([['a', 'b'], true])
    yield* run()
  })

  everywhere('a closing channel still serves a receiver that is blocked', function* () {
    const ch = new channel<string>()
    let got = ''
    const t = new tasklet(function* () {
      got = yield* ch.receive()
    }).setup()
    yield* t.run()
    ch.close()
    expect([t.blocked, ch.closed]).toEqual([true, false])
    yield* ch.send('late')
    expect(got).toBe('late')
  })

  everywhere('open takes close back', function* () {
    const ch = new channel<number>()
    ch.close()
    ch.open()
    new tasklet(() => ch.send(1)).setup()
    expect([ch.closing, yield* ch.receive()]).toEqual([false, 1])
    yield* run()
  })
})

describe('iteration', () => {
  everywhere('an error that is not StopIteration comes out of it', function* () {
    const ch = new channel<number>()
    new tasklet(() => ch.sendException(RangeError)).setup()
    yield* raises(ch.next(), RangeError)
    yield* run()
  })

  everywhere('each takes a generator function', function* () {
    const ch = new channel<number>()
    const echoes = new channel<number>()
    const seen: number[] = []
    new tasklet(function* () {
      yield* ch.sendSequence([1, 2])
      yield* ch.sendException(StopIteration)
    }).setup()
    new tasklet(() =>
      ch.each(function* (n) {
        yield* echoes.send(n * 10)
      }),
    ).setup()
    seen.push(yield* echoes.receive(), yield* echoes.receive())
    yield* run()
    expect(seen).toEqual([10, 20])
  })
})

describe('attributes', () => {
  everywhere('preference takes the sign of an integer', function* () {
    const ch = new channel()
    const seen = [ch.preference]
    for (const value of [42, 0, -7]) {
      ch.preference = value
      seen.push(ch.preference)
    }
    expect(seen).toEqual([-1, 1, 0, -1])
    yield* throws(
      () => {
        ch.preference = 0.5
      },
      'INVALID_ARGUMENT',
      'preference must be set to an integer',
    )
  })

  everywhere('schedule_all is a flag', function* () {
    const ch = new channel()
    expect(ch.scheduleAll).toBe(false)
    ch.schedule_all = true
    expect([ch.scheduleAll, ch.schedule_all]).toEqual([true, true])
    yield* schedule()
  })

  everywhere('Subclassing.test_init', function* () {
    class Named extends channel<number> {
      readonly name: string
      constructor(name: string) {
        super()
        this.name = name
      }
    }
    const ch = new Named('bong')
    new tasklet(() => ch.send(1)).setup()
    expect([ch.name, yield* ch.receive()]).toEqual(['bong', 1])
    yield* run()
  })

  everywhere('testChannelReceiveLinkedList: next and prev follow the queue', function* () {
    const ch = new channel()
    expect(ch.queue).toBeNull()
    const make = () => new tasklet(() => ch.receive()).setup()
    const [a, b, c] = [make(), make(), make()]
    yield* schedule()
    expect(ch.queue).toBe(a)
    expect([a.next, b.next, c.next]).toEqual([b, c, null])
    expect([a.prev, b.prev, c.prev]).toEqual([null, a, b])
    for (const t of [b, a, c]) yield* t.kill()
    expect([ch.balance, ch.queue]).toEqual([0, null])
  })

  everywhere('a bomb explodes in the receiver', function* () {
    const ch = new channel()
    const error = new Error('sent')
    new tasklet(() => ch.send(new bomb(error))).setup()
    expect(yield* thrownBy(ch.receive())).toBe(error)
    yield* run()
  })
})
