import { PassThrough } from 'node:stream'
import { Subject } from 'rxjs'
import * as rx from '../../../src/adapters/rx/index.js'
import * as stream from '../../../src/adapters/stream/index.js'
import { type Receiver, scope } from '../../../src/core/index.js'
import { outcome, TestScope, turns } from '../support.js'

test('a scope that ends normally ends its bridges', async () => {
  const subject = new Subject<number>()
  const readable = new PassThrough()
  let ch: Receiver<number> | undefined
  await scope(function* () {
    ch = rx.toChannel(subject, { capacity: 1, overflow: 'latest' })
    stream.toChannel(readable)
  })
  await turns()
  expect([subject.observed, readable.destroyed]).toEqual([false, true])
  expect(await outcome(ch!.next())).toMatchObject({ code: 'SCOPE_CLOSED' })
  const t = new TestScope()
  t.run(() => rx.toChannel(subject, { capacity: 1, overflow: 'latest' }))
  expect(subject.observed).toBe(true)
  await t.scope.close()
  await turns()
  expect(subject.observed).toBe(false)
})
