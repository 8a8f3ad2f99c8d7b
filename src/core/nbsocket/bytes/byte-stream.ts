/** What everything that reads or writes bytes is made over: sockets, pipes, processes, files, any Node stream. */
import type { Op } from '../../loop/op.js'

/** Where bytes come from. */
export interface ByteSource {
  /**
   * Waits until bytes are there, and takes at most `maxBytes` of them; an empty Buffer means the end of the stream, now and
   * every time after. Takes nothing when it loses a select, or its tasklet is killed. Semantics: `recv(2)`.
   */
  recv(maxBytes?: number): Op<Buffer>
}

/** Where bytes go to. */
export interface ByteSink {
  /**
   * Waits for room, and hands all of `data` to Node, text as UTF-8; sends nothing when it loses a select, or its tasklet is
   * killed. The bytes must not be changed before `flush()` settles.
   */
  send(data: Uint8Array | string): Op<void>
  /** Waits until the kernel has everything that was sent before. */
  flush(): Op<void>
  /**
   * What is sent from now on may go out together: in the next turn of the event loop, or when it is flushed, shut down or
   * closed before. Semantics: `TCP_CORK`, for a turn.
   */
  cork?(): void
  /** Says that nothing more will be sent, at once when called. Settles when the other side has been told. */
  shutdown?(): Op<void>
}

/** @internal The error of operation `what` on a stream that failed with `error`, or was destroyed without one. */
export type Explain = (error: Error | null, what: string) => unknown
