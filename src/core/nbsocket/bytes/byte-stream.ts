/** The base of everything that reads or writes bytes: sockets, pipes, processes, files, any Node stream. */
import type { Op } from '../../loop/op.js'

/** A source of bytes. */
export interface ByteSource {
  /**
   * Waits for bytes, and takes at most `maxBytes` of them. An empty Buffer means the end of the stream, now and every
   * time after. A `recv` that loses a select, or whose tasklet is killed, takes nothing. Semantics: `recv(2)`.
   */
  recv(maxBytes?: number): Op<Buffer>
}

/** A sink for bytes. */
export interface ByteSink {
  /**
   * Waits for room, and hands all of `data` to Node, text as UTF-8. A `send` that loses a select, or whose tasklet is
   * killed, sends nothing. The bytes must not be changed before `flush()` settles.
   */
  send(data: Uint8Array | string): Op<void>
  /** Waits until the kernel has everything that was sent before. */
  flush(): Op<void>
  /**
   * Lets later sends go out together: in the next turn of the event loop, or earlier at a flush, a shutdown or a close.
   * Semantics: `TCP_CORK`, for a turn.
   */
  cork?(): void
  /** Ends sending, at once when called. Settles when the other side has been told. */
  shutdown?(): Op<void>
}

/**
 * @internal A function that gives the error of operation `what` on a stream that failed with `error`, or was destroyed
 * without an error.
 */
export type Explain = (error: Error | null, what: string) => unknown
