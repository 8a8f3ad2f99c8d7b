import { createServer, type IncomingMessage, ServerResponse } from 'node:http'
import { onFirstByte } from '../../../src/host/answer/first-byte.js'
import { alone, exchange, get } from '../support.js'

/** What a bare server answers with `handler`. */
const answer = (handler: (req: IncomingMessage, res: ServerResponse) => void) =>
  alone(createServer(handler), port => exchange(port, get('/')))

test('each of those who wait is told, once', async () => {
  const told: string[] = []
  const text = await answer((_req, res) => {
    onFirstByte(res, () => told.push('first'))
    onFirstByte(res, () => told.push('second'))
    expect(told).toEqual([])
    res.write('a')
    expect(told.sort()).toEqual(['first', 'second'])
    res.end('b')
  })
  expect(text).toMatch(/a[\s\S]*b/)
  expect(told).toHaveLength(2)
})

test('once, though middleware goes on calling what it has covered', async () => {
  const told: string[] = []
  await answer((_req, res) => {
    onFirstByte(res, () => told.push('told'))
    const { write } = res
    res.write = (...args: unknown[]) => Reflect.apply(write, res, args)
    res.write('a')
    res.write('b')
    res.end()
  })
  expect(told).toEqual(['told'])
})

test('what was on the response before is there again, and runs', async () => {
  const order: string[] = []
  await answer((_req, res) => {
    const end = (...args: unknown[]) => {
      order.push('own')
      return Reflect.apply(ServerResponse.prototype.end, res, args)
    }
    res.end = end
    onFirstByte(res, () => order.push('told'))
    res.end('x')
    expect(res.end).toBe(end)
    expect(Object.hasOwn(res, 'write')).toBe(false)
  })
  expect(order).toEqual(['told', 'own'])
})
