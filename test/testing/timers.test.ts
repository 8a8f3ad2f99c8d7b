import fc from 'fast-check'
import { Timers } from '../../src/testing/timers.js'

test('they come in the order of their times, equal ones as they were set, whatever was deleted', () => {
  const set = fc.record({ due: fc.nat({ max: 5 }), remove: fc.boolean() })
  fc.assert(
    fc.property(fc.array(set), specs => {
      const timers = new Timers()
      const made = specs.map(({ due }) => timers.add(() => {}, due, false))
      for (const [i, { remove }] of specs.entries()) {
        if (remove) timers.delete(made[i]!)
        if (remove) timers.delete(made[i]!)
      }
      const kept = made.filter((_, i) => !specs[i]?.remove)
      expect([...timers]).toEqual(kept.toSorted((a, b) => a.due - b.due || a.order - b.order))
      expect([timers.size, timers.first]).toEqual([kept.length, [...timers][0] ?? null])
    }),
  )
})

test('what is not one of them is not deleted', () => {
  const timers = new Timers()
  const others = new Timers()
  timers.add(() => {}, 1, true)
  timers.delete(others.add(() => {}, 1, true))
  timers.delete({})
  expect(timers.size).toBe(1)
})
