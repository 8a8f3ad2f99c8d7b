/** The answers of `/livez` and `/readyz`, on the admin port and on the host's own addresses. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { SynclessError } from '../../core/base/errors.js'
import { registered } from '../../core/loop/callback.js'
import { startTimer } from '../../core/ops/sleep.js'
import { answer } from '../answer/answer.js'

/** Paths of the health checks on the host's own addresses. */
export interface HealthOptions {
  /** Default: `/livez`. */
  livez?: string
  /** Default: `/readyz`. */
  readyz?: string
}

/** A check in addition to the host's own state. The host is not ready if the check says false or fails. */
export type ReadinessCheck = () => boolean | PromiseLike<boolean>

export interface HealthyHost {
  report(error: SynclessError): void
  readonly isReady: boolean
  readonly listening: boolean
  readonly draining: boolean
}

export type HealthHandler = (req: IncomingMessage, res: ServerResponse) => unknown

/** Answers 200: a process that answers is alive. */
export const livez: HealthHandler = (req, res) => answerHealth(req, res, 200, 'ok')

/** Returns the handler that says whether the host should get requests. */
export function readyz(host: HealthyHost, check: ReadinessCheck | undefined): HealthHandler {
  // The asker may be anybody, so only the operator gets the error, once until the check has said yes.
  // A check is asked for all who ask meanwhile, and belongs to no request.
  const asking = check === undefined ? undefined : registered(check)
  let told = false
  let asked: Promise<string | null> | null = null
  const ask = async (): Promise<string | null> => {
    try {
      if (asking !== undefined && !(await withinLimit(asking))) return 'not ready'
      told = false
      return null
    } catch (cause) {
      if (!told) host.report(new SynclessError('HANDLER_FAILED', 'the readiness check failed', { cause }))
      told = true
      return 'not ready'
    } finally {
      asked = null
    }
  }
  // Requests that come while a check is under way get its answer.
  const failing = (): Promise<string | null> => {
    asked ??= ask()
    return asked
  }
  return async (req, res) => {
    const problem = host.isReady ? await failing() : host.draining ? 'closing' : 'starting'
    // It may have begun to close meanwhile.
    if (problem === null && host.isReady) answerHealth(req, res, 200, 'ok')
    else answerHealth(req, res, 503, problem ?? 'closing')
  }
}

/** How long a check may take, in milliseconds: an orchestrator has given up by then. */
const CHECK_LIMIT = 5000

/** Returns the result of the check. Rejects with `TIMEOUT` if the check does not settle. */
function withinLimit(check: ReadinessCheck): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const stop = startTimer(CHECK_LIMIT, () => {
      reject(new SynclessError('TIMEOUT', `the readiness check did not settle within ${CHECK_LIMIT} ms`))
    })
    new Promise(settle => settle(check())).then(resolve, reject).finally(stop)
  })
}

function answerHealth(req: IncomingMessage, res: ServerResponse, status: number, text: string): void {
  answerOperator(req, res, status, 'text/plain; charset=utf-8', `${text}\n`)
}

/** Answers a GET with a text for whoever operates the host. */
export function answerOperator(
  { method }: IncomingMessage,
  res: ServerResponse,
  status: number,
  type: string,
  text: string,
): void {
  if (method !== 'GET' && method !== 'HEAD') {
    answer(res, 405, { Allow: 'GET, HEAD' })
    return
  }
  const length = Buffer.byteLength(text)
  res.writeHead(status, { 'Content-Type': type, 'Content-Length': length, 'Cache-Control': 'no-store' }).end(text)
}
