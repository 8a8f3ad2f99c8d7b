/**
 * Endless answers, such as server-sent events, end by themselves when their host closes: nobody else would end them, and the
 * close would wait for its whole deadline. An answer is ended only where its end says nothing: a client of server-sent events
 * connects again. The end of NDJSON says that this is all, so NDJSON is broken off.
 */
import { ServerResponse } from 'node:http'
import { Http2ServerResponse } from 'node:http2'
import { SynclessError } from '../../../core/base/errors.js'
import { startTimer } from '../../../core/ops/sleep.js'
import { scopeProviderOf } from '../../../core/scope/scope-finder.js'
import { breakOff } from '../../underlying-stream.js'

/** After how many milliseconds without a value an NDJSON answer is taken for endless. A finite one, such as an export, goes on. */
const IDLE = 1000

/** How an answer ends with its host. */
export interface HostEnd {
  /** Ends the answer as its producer would. */
  end(): void
  /** Stops the producer. The answer has been broken off. */
  cut(reason: SynclessError): void
}

/** An answer that ends when its host closes. */
export interface ClosingAnswer {
  /** Something was written. */
  touched(): void
  /** The answer is over. */
  forget(): void
}

const unhosted: ClosingAnswer = { touched() {}, forget() {} }

/**
 * Ends a response once when its host closes: server-sent events at once, by `end`; NDJSON by breaking it off, if nothing was
 * written for a second although the client has taken all. Other answers have an end of their own.
 */
export function endWithHost(res: ServerResponse, how: HostEnd, contentType = () => typeOf(res)): ClosingAnswer {
  const provider = scopeProviderOf(res.req)
  if (provider?.whenClosing === undefined) return unhosted
  let stopTimer = () => {}
  let written = false
  const cutIfIdle = () => {
    if (!written && !isHeldBack(res)) {
      breakOff(res)
      how.cut(new SynclessError('HOST_STATE', 'the host closed, and broke off an answer that had paused'))
      return
    }
    written = false
    stopTimer = startTimer(IDLE, cutIfIdle)
  }
  const forget = provider.whenClosing(() => {
    const type = contentType()
    if (type.startsWith('text/event-stream')) how.end()
    else if (type.startsWith('application/x-ndjson')) {
      written = true
      cutIfIdle()
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

/** Whether the client has not taken what was written: then the producer is not the one who pauses. */
function isHeldBack(res: ServerResponse): boolean {
  return res.writableLength > 0
}

/** Whether a writable is the answer to a request. HTTP/2's has what is asked of it here; its types do not say so. */
export function isResponse(writable: unknown): writable is ServerResponse {
  return writable instanceof ServerResponse || writable instanceof Http2ServerResponse
}

function typeOf(res: ServerResponse): string {
  return String(res.getHeader('content-type') ?? '').toLowerCase()
}
