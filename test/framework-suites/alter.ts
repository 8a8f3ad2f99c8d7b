/** Hosts that do something wrong, to see that the suites notice. */
import type { Alteration } from './hosted-server.js'

export const alterations: Readonly<Record<string, Alteration>> = {
  'hides the query': app => (req, res) => {
    req.url = req.url?.split('?')[0] ?? ''
    app(req, res)
  },
  'leaves the status alone': app => (req, res) => {
    Object.defineProperty(res, 'statusCode', { get: () => 200, set() {} })
    app(req, res)
  },
  'has its own 404 page': app => (req, res) => {
    const { end } = res
    res.end = (...args: unknown[]) => {
      if (res.statusCode === 404 && !res.headersSent) res.removeHeader('Content-Length')
      return Reflect.apply(end, res, res.statusCode === 404 ? ['not here'] : args)
    }
    app(req, res)
  },
}
