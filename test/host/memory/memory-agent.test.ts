import { connectInMemory, type MemoryHost } from '../../../src/host/memory/memory-agent.js'

const host = (stopped: boolean): MemoryHost => ({
  stopped,
  secure: false,
  ready: () => new Promise(() => {}),
  accept() {},
})

test('a connection that is refused has a turn in which its client gets its listeners', async () => {
  const client = connectInMemory(host(true))
  for (let i = 0; i < 20; i++) await Promise.resolve()
  await new Promise<void>(resolve => process.nextTick(resolve))
  expect(client.destroyed).toBe(false)
  const error = await new Promise(resolve => client.once('error', resolve))
  expect(error).toMatchObject({ code: 'ECONNREFUSED' })
})

test('the ports of clients are ports, however many there have been', () => {
  const open = host(false)
  let [least, most] = [1, 1]
  // One more than there are.
  for (let i = 0; i < 65_536; i++) {
    const { localPort } = connectInMemory(open)
    least = Math.min(least, localPort)
    most = Math.max(most, localPort)
  }
  expect([least, most]).toEqual([1, 65_535])
})
