// An observable becomes a channel; a tasklet takes from it at its own pace.
import { interval, take } from 'rxjs'
import { go, sleep } from 'syncless'
import * as rx from 'syncless/rx'

const ticks = rx.toChannel(interval(10).pipe(take(20)), { capacity: 4, overflow: 'drop-oldest' })

await go(function* () {
  yield* ticks.each(function* (tick) {
    console.log('tick', tick)
    yield* sleep(30) // slower than the source: the oldest ticks are dropped, and counted
  })
})
console.log('dropped', ticks.statistics().dropped)
