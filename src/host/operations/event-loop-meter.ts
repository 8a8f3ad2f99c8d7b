import { monitorEventLoopDelay, performance } from 'node:perf_hooks'
import type { OpenMetricsText } from './open-metrics.js'

const NANOSECONDS = 1e9
const QUANTILES = [0.5, 0.9, 0.99, 1]

/** How late the event loop is, and how busy. It wakes up a hundred times a second while it is on. */
export class EventLoopMeter {
  readonly #delay = monitorEventLoopDelay({ resolution: 10 })

  start(): void {
    this.#delay.enable()
  }

  stop(): void {
    this.#delay.disable()
  }

  /** The delays are those since the last call. */
  write(text: OpenMetricsText): void {
    const delay = this.#delay
    text.family(
      'summary',
      'syncless_event_loop_delay_seconds',
      'How late timers were, since the last scrape; 10 ms are the resolution of the measurement.',
      'seconds',
    )
    for (const quantile of QUANTILES) {
      text.sample(delay.percentile(quantile * 100) / NANOSECONDS, { quantile: String(quantile) })
    }
    delay.reset()
    const { active, idle } = performance.eventLoopUtilization()
    text.family('counter', 'syncless_event_loop_busy_seconds', 'How long the event loop was at work.', 'seconds')
    text.sample(active / 1000, {}, '_total')
    text.family('counter', 'syncless_event_loop_idle_seconds', 'How long the event loop waited.', 'seconds')
    text.sample(idle / 1000, {}, '_total')
  }
}
