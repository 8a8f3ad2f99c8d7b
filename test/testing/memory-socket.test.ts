import { AsyncLocalStorage } from 'node:async_hooks'
import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { finished } from 'node:stream/promises'
import { type MemorySocket, memorySocketPair } from '../../src/testing/index.js'

const turn = () => new Promise(resolve => setImmediate(resolve))
const turns = async () => {
  for (let i = 0; i < 20; i++) await turn()
}

async function all(socket: Duplex): Promise<string> {
  let text = ''
  for await (const chunk of socket) text += chunk
  return text
}

/** What happens to an end, as words. */
function watch(socket: MemorySocket): string[] {
  const events: string[] = []
  for (const event of ['end', 'finish', 'close', 'timeout']) socket.on(event, () => events.push(event))
  socket.on('error', (error: NodeJS.ErrnoException) => events.push(`error ${error.code}`))
  return events
}

describe('bytes', () => {
  test('cross in order, both ways', async () => {
    const [a, b] = memorySocketPair()
    a.write('one ')
    a.write(Buffer.from('two '))
    a.end('three')
    b.end('four')
    expect(await Promise.all([all(b), all(a)])).toEqual(['one two three', 'four'])
    expect([a.bytesWritten, a.bytesRead, b.bytesWritten, b.bytesRead]).toEqual([13, 4, 4, 13])
  })

  test('cross in a later turn, never within the call that wrote them', async () => {
    const [a, b] = memorySocketPair()
    let read = ''
    b.setEncoding('utf8').on('data', chunk => (read += chunk))
    await turn()
    a.write('x')
    await Promise.resolve()
    expect(read).toBe('')
    await turns()
    expect(read).toBe('x')
  })

  test('are copied: a writer may use its buffer again', async () => {
    const [a, b] = memorySocketPair()
    const buffer = Buffer.from('first')
    await new Promise<void>(resolve => a.write(buffer, () => resolve()))
    buffer.fill('x')
    a.end()
    expect(await all(b)).toBe('first')
  })

  test('that nobody reads hold the writer, without bound on neither side', async () => {
    const [a, b] = memorySocketPair()
    const chunk = Buffer.alloc(1 << 14)
    let written = 0
    for (let i = 0; i < 10; i++) {
      while (a.write(chunk)) written += chunk.length
      await turns()
    }
    expect(written).toBeLessThan(1 << 18)
    expect(a.writableNeedDrain).toBe(true)
    const drained = once(a, 'drain')
    b.resume()
    await drained
  })
})

/** How many callbacks the event loop has for its next turn. */
const immediates = () => process.getActiveResourcesInfo().filter(name => name === 'Immediate').length

test('each chunk comes in a turn of its own', async () => {
  const [a, b] = memorySocketPair()
  const order: string[] = []
  b.on('data', chunk => {
    order.push(`data ${chunk}`)
    setImmediate(() => order.push(`turn after ${chunk}`))
  })
  a.write('1')
  a.write('2')
  await turns()
  expect(order).toEqual(['data 1', 'turn after 1', 'data 2', 'turn after 2'])
})

test('nothing is left for later where nothing has been sent, where nobody reads, and when an end is gone', async () => {
  const [a, b] = memorySocketPair({ allowHalfOpen: true })
  await turns()
  a.read(0)
  expect(immediates()).toBe(0)
  // More than the other end takes before somebody reads.
  while (!b.readableLength || b.readableLength < b.readableHighWaterMark) {
    a.write(Buffer.alloc(1 << 12))
    await turn()
  }
  a.write('x')
  await turns()
  b.read(0)
  expect(immediates()).toBe(0)
  a.on('error', () => {})
  b.destroy()
  await turns()
  expect(a.destroyed).toBe(true)
  const [c, d] = memorySocketPair({ allowHalfOpen: true })
  d.destroy()
  c.end()
  expect(immediates()).toBe(1)
  await turns()
  expect(immediates()).toBe(0)
})

test('a writer of more than both ends hold hears that it was taken not before somebody reads', async () => {
  const [a, b] = memorySocketPair()
  let taken = false
  a.write(Buffer.alloc(1 << 17), () => {
    taken = true
  })
  await turns()
  expect([taken, b.readableLength]).toEqual([false, 1 << 17])
  b.resume()
  await turns()
  expect(taken).toBe(true)
})

test('what a reader does for one chunk, in its ticks and microtasks, comes before the next', async () => {
  const [a, b] = memorySocketPair()
  const order: string[] = []
  b.on('data', chunk => {
    order.push(`data ${chunk}`)
    queueMicrotask(() => process.nextTick(() => order.push(`after ${chunk}`)))
  })
  a.write('1')
  a.write('2')
  await turns()
  expect(order).toEqual(['data 1', 'after 1', 'data 2', 'after 2'])
})

describe('the end', () => {
  test('of one end ends the other, which closes', async () => {
    const [a, b] = memorySocketPair()
    const events = [watch(a), watch(b)]
    a.resume().end('x')
    b.resume()
    await turns()
    expect(events[0]).toEqual(['finish', 'end', 'close'])
    expect(events[1]).toEqual(['end', 'finish', 'close'])
  })

  test('of one half leaves the other open, where that is asked for', async () => {
    const [c, d] = memorySocketPair({ allowHalfOpen: true })
    c.end('question')
    d.on('end', () => d.end('answer')).resume()
    expect(await all(c)).toBe('answer')
  })

  test('by destroy(): what was written before still arrives, and the other end sees an end', async () => {
    const [a, b] = memorySocketPair()
    a.write('last words')
    await turn()
    a.destroy()
    expect(await all(b)).toBe('last words')
  })

  test('by destroy() with bytes that have not been taken, or by resetAndDestroy(): a reset', async () => {
    const unread = memorySocketPair()
    const events = watch(unread[1])
    unread[1].write('never read')
    unread[0].destroy()
    await turns()
    expect(events).toEqual(['error ECONNRESET', 'close'])

    const reset = memorySocketPair()
    const resetEvents = watch(reset[1])
    reset[0].resetAndDestroy()
    await turns()
    expect(resetEvents).toEqual(['error ECONNRESET', 'close'])
  })

  test('writing to an end that is gone fails', async () => {
    const [a, b] = memorySocketPair({ allowHalfOpen: true })
    a.destroy()
    await turns()
    const events = watch(b)
    b.write('x')
    await turns()
    expect(events).toContain('error EPIPE')
  })

  test('fails every write that waits for the other end, and those behind it', async () => {
    const [a, b] = memorySocketPair({ allowHalfOpen: true })
    a.on('error', () => {})
    const results: (string | undefined)[] = []
    // More than both ends hold: the second one waits, with what is behind it.
    for (let i = 0; i < 3; i++) {
      a.write(Buffer.alloc(1 << 17), error => results.push((error as NodeJS.ErrnoException | null)?.code))
    }
    await turns()
    const before = results.length
    expect(before).toBeLessThan(3)
    b.destroy()
    await turns()
    expect(results).toHaveLength(3)
    expect(results.slice(before)).toEqual(Array(3 - before).fill('ECONNRESET'))

    // Nothing of it has been delivered yet.
    const [c, d] = memorySocketPair({ allowHalfOpen: true })
    const failed = new Promise(resolve => c.on('error', () => {}).write(Buffer.alloc(1 << 17), resolve))
    d.destroy()
    expect(await failed).toMatchObject({ code: 'ECONNRESET' })
  })

  test('destroySoon() waits for what was written', async () => {
    const [a, b] = memorySocketPair()
    a.write(Buffer.alloc(1 << 20))
    a.destroySoon()
    expect((await all(b.setEncoding('latin1'))).length).toBe(1 << 20)
    expect(a.destroyed).toBe(true)
    const [finishedBefore] = memorySocketPair()
    await new Promise<void>(resolve => finishedBefore.end(resolve))
    finishedBefore.destroySoon()
    expect(finishedBefore.destroyed).toBe(true)
    const [c] = memorySocketPair()
    c.destroySoon()
    await finished(c.resume()).catch(() => {})
    expect(c.destroyed).toBe(true)
  })
})

describe('what a net.Socket has', () => {
  test('addresses', () => {
    const [a, b] = memorySocketPair({ first: { address: '192.0.2.1', port: 7 }, second: { port: 80 } })
    expect([a.localAddress, a.localPort, a.remoteAddress, a.remotePort]).toEqual(['192.0.2.1', 7, '127.0.0.1', 80])
    expect([b.localAddress, b.localPort, b.remoteAddress, b.remotePort]).toEqual(['127.0.0.1', 80, '192.0.2.1', 7])
    expect(a.address()).toEqual({ address: '192.0.2.1', family: 'IPv4', port: 7 })
    expect('encrypted' in a).toBe(false)
    expect(a.setNoDelay().setKeepAlive().ref().unref()).toBe(a)
  })

  test('a timeout of silence, at either end, which goes with the socket', async () => {
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask'] })
    const [a, b] = memorySocketPair()
    b.resume()
    const events = [watch(a), watch(b)]
    const called: string[] = []
    a.setTimeout(20, () => called.push('a'))
    b.setTimeout(20)
    for (let i = 0; i < 3; i++) {
      jest.advanceTimersByTime(15)
      a.write('x')
      await turns()
    }
    expect(events).toEqual([[], []])
    jest.advanceTimersByTime(20)
    expect([called, events, a.timeout, a.destroyed]).toEqual([['a'], [['timeout'], ['timeout']], 20, false])
    const never = () => called.push('never')
    a.setTimeout(10, never).setTimeout(0, never)
    b.setTimeout(10)
    b.destroy()
    expect(jest.getTimerCount()).toBe(0)
    await turns()
    a.destroy()
    jest.advanceTimersByTime(30)
    expect(called).toEqual(['a'])
    jest.useRealTimers()
  })
})

test('each end keeps its own async context', async () => {
  const store = new AsyncLocalStorage<string>()
  const [a, b] = store.run('both', () => memorySocketPair())
  const seen: unknown[] = []
  store.run('listener', () => b.on('data', () => seen.push(store.getStore())))
  store.run('writer', () => a.write('x'))
  await turns()
  expect(seen).toEqual(['both'])
})
