/**
 * `100 Continue` is told once, whoever declines after whom. A server in front, a host and its apps each have the right to tell
 * the client to send its body, and none of them can know whether another one has done so.
 */
import type { ServerResponse } from 'node:http'

const told = Symbol('syncless.continueOnce')

/** Has every `writeContinue` of the response except the first do nothing. */
export function continueOnce(res: ServerResponse & { [told]?: true }): void {
  if (told in res) return
  Object.defineProperty(res, told, { value: true })
  let first = true
  const { writeContinue } = res
  const once: ServerResponse['writeContinue'] = callback => {
    if (first) {
      first = false
      writeContinue.call(res, callback)
    } else if (callback !== undefined) process.nextTick(callback)
  }
  Object.defineProperty(res, 'writeContinue', { value: once, configurable: true, writable: true, enumerable: false })
}
