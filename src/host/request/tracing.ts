/**
 * What the host publishes on `node:diagnostics_channel`, as the tracing channel `syncless.http`. While nobody subscribes,
 * a request pays one check at its begin and one at its end.
 */
import { tracingChannel } from 'node:diagnostics_channel'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { RequestTrace } from '../../adapters/port.js'

/** An exchange. */
interface Traced {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly outcome: RequestTrace['outcome'] | null
}

const channel = tracingChannel<unknown, RequestTrace>('syncless.http')

const traces = new WeakMap<Traced, RequestTrace>()

/** Whether anybody wants to know. */
export function tracing(): boolean {
  return channel.hasSubscribers
}

/** Runs the app's part of an exchange, between `start` and `end`, inside whatever subscribers have put around it. */
export function traceStart(exchange: Traced, mount: string, run: () => void): void {
  const known = traces.get(exchange)
  if (known !== undefined) {
    // Handed over by another mount. It is one request, and what subscribers have put around it is still there.
    Object.assign(known, { mount })
    run()
    return
  }
  let inside = run
  const trace: RequestTrace = {
    request: exchange.req,
    response: exchange.res,
    mount,
    within(around) {
      const inner = inside
      inside = () => around(inner)
    },
  }
  traces.set(exchange, trace)
  channel.start.runStores(trace, () => inside())
  channel.end.publish(trace)
}

/** A handler threw, or a tasklet failed. Errors that an app answers by itself are not known. */
export function traceError(exchange: Traced, error: unknown): void {
  const trace = traces.get(exchange)
  if (trace === undefined) return
  trace.error = error
  channel.error.publish(trace)
}

/** The exchange is over. */
export function traceSettled(exchange: Traced): void {
  const trace = traces.get(exchange)
  if (trace === undefined) return
  trace.outcome = exchange.outcome ?? 'gone'
  channel.asyncStart.publish(trace)
  channel.asyncEnd.publish(trace)
}
