/**
 * Endless answers, such as server-sent events, end by themselves when their host closes: nobody else would end them, and the
 * close would wait for its whole deadline.
 */
import { ServerResponse } from 'node:http'
import { Http2ServerResponse } from 'node:http2'
import { scopeProviderOf } from '../core/owner-scope.js'
import { startTimer } from '../core/sleep.js'

/** After how many milliseconds without a value an NDJSON answer is taken for endless. A finite one, such as an export, goes on. */
const IDLE = 1000

/** An answer that ends when its host closes. */
export interface ClosingAnswer {
  /** Something was written. */
  touched(): void
  /** The answer is over. */
  forget(): void
}

const unhosted: ClosingAnswer = { touched() {}, forget() {} }

/**
 * Calls `end` once when the host of a response closes: at once for server-sent events, which clients resume; for NDJSON when
 * nothing was written for a second. Other answers have an end of their own.
 */
export function endWithHost(res: ServerResponse, end: () => void, contentType = () => typeOf(res)): ClosingAnswer {
  const provider = scopeProviderOf(res.req)
  if (provider?.whenClosing === undefined) return unhosted
  let stopTimer = () => {}
  let written = false
  const endIfIdle = () => {
    if (!written) {
      end()
      return
    }
    written = false
    stopTimer = startTimer(IDLE, endIfIdle)
  }
  const forget = provider.whenClosing(() => {
    const type = contentType()
    if (type.startsWith('text/event-stream')) end()
    else if (type.startsWith('application/x-ndjson')) {
      written = true
      endIfIdle()
    }
  })
  return {
    touched() {
      written = true
    },
    forget() {
      forget()
      stopTimer()
    },
  }
}

/** Whether a writable is the answer to a request. HTTP/2's has what is asked of it here; its types do not say so. */
export function isResponse(writable: unknown): writable is ServerResponse {
  return writable instanceof ServerResponse || writable instanceof Http2ServerResponse
}

function typeOf(res: ServerResponse): string {
  return String(res.getHeader('content-type') ?? '').toLowerCase()
}
