/** Hosts that do something wrong, to see that the corpus notices. */
import type { Alteration } from './arrangement.js'

export const alterations: Readonly<Record<string, Alteration>> = {
  'adds a header': handler => (req, res) => {
    res.setHeader('X-Altered', 'yes')
    handler(req, res)
  },
  'swallows an event': handler => (req, res) => {
    const { emit } = req
    req.emit = (event: string | symbol, ...args: unknown[]) =>
      event !== 'close' && Reflect.apply(emit, req, [event, ...args])
    handler(req, res)
  },
  'rewrites the path': handler => (req, res) => {
    req.url = req.url?.toLowerCase() ?? ''
    handler(req, res)
  },
  'answers later': handler => (req, res) => {
    setImmediate(() => handler(req, res))
  },
}
