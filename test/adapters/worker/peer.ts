/** What the other side of a real port does: in a worker thread, or in a process. The first argument says what. */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { connect, drainTo, isBridgeMessage, type Port, toChannel } from '../../../src/adapters/worker/index.js'
import { channel, detach, SynclessError, type Tasklet } from '../../../src/core/index.js'

const port: Port = parentPort ?? process
const task: string = workerData ?? process.argv[2]

/** Messages that are none of a bridge. */
const say = (message: object): unknown =>
  parentPort === null ? process.send?.(message) : parentPort.postMessage(message)

const inform = (drained: Tasklet<string>) =>
  drained.then<unknown, unknown>(
    how => say({ how }),
    error => {
      const { name, code, message } = error as SynclessError
      say({ how: name, code, message })
    },
  )

const tasks: Record<string, () => void> = {
  /** Sends back what it gets, and its end. */
  echo() {
    const { incoming, outgoing } = connect<unknown, unknown>(port)
    detach(function* () {
      try {
        yield* incoming.each(value => outgoing.send(value))
        outgoing.close()
      } catch (error) {
        outgoing.close(error)
      }
    })
  },
  /** Sends numbers for as long as it may, and tells how many. */
  count() {
    const numbers = channel<number>()
    inform(detach(() => drainTo(numbers, port)))
    detach(function* () {
      for (let n = 0; ; n++) {
        yield* numbers.send(n)
        say({ sent: n + 1 })
      }
    }).then(null, () => {})
  },
  fail() {
    const numbers = channel<number>(1)
    inform(detach(() => drainTo(numbers, port)))
    numbers.trySend(1)
    const cause = new SynclessError('TIMEOUT', 'too late')
    numbers.close(Object.assign(new TypeError('failure over there', { cause }), { code: 'EFAIL' }))
  },
  /** Takes two, and wants no more. */
  leave() {
    const values = toChannel<number>(port, { capacity: 2 })
    detach(function* () {
      yield* values.receive()
      yield* values.receive()
      values.cancel(new RangeError('two are enough'))
    })
  },
  /** Sends one, and does as it is told. */
  one() {
    const numbers = channel<number>(1)
    inform(detach(() => drainTo(numbers, port)))
    numbers.trySend(1)
    port.on('message', (message: { do?: string }) => {
      if (message.do === 'exit') process.exit(3)
      if (message.do === 'throw') throw new TypeError('a bug over there')
    })
  },
  /** Takes ports over, and says what comes on a topic of each. */
  take() {
    port.on('message', ({ take, topic }: { take: MessagePort; topic: string }) => {
      const taken: unknown[] = []
      detach(function* () {
        yield* toChannel(take, { topic }).each(value => {
          taken.push(value)
        })
        say({ taken })
      })
    })
  },
  /** Answers messages of its own, on the port that a bridge uses too. */
  mixed() {
    const { incoming, outgoing } = connect<number, number>(port)
    detach(function* () {
      yield* incoming.each(n => outgoing.send(-n))
      outgoing.close()
    })
    port.on('message', (message: object) => {
      if (!isBridgeMessage(message)) say({ answer: message })
    })
  },
}

tasks[task]?.()
