/**
 * Connect apps, mounted unchanged. Called without a `next`, such an app answers every request, with its own 404 and error
 * pages, as it does on a server of its own.
 */
import type { RequestListener } from 'node:http'
import type { Server } from 'connect'
import type { AppPolicy, HostPort, MountedApp } from '../port.js'

/** A Connect app is a function with a stack of handlers; its `route` is text, where that of an Express router is a method. */
function isConnect(app: unknown): app is Server & RequestListener {
  return (
    typeof app === 'function' &&
    'stack' in app &&
    Array.isArray(app.stack) &&
    'handle' in app &&
    'route' in app &&
    typeof app.route === 'string'
  )
}

/** It compares without case, and takes a dot for the end of a segment, too. */
const policy: AppPolicy = {
  paths: {
    case: { ignored: 'always' },
    'trailing-slash': { ignored: 'always' },
    'duplicate-slashes': { ignored: 'never' },
    semicolon: { ignored: 'never' },
    extension: { ignored: 'always' },
  },
}

export const connectHostPort: HostPort = {
  name: 'Connect app',
  accepts: isConnect,
  policies: () => [policy],
  open(app, server): MountedApp {
    if (!isConnect(app)) throw new TypeError('not a Connect app')
    if (server.handsOver) {
      return {
        handle(req, res, next) {
          if (server.hasNext(req)) app(req, res, next)
          else app(req, res)
        },
      }
    }
    return {
      handle(req, res) {
        app(req, res)
      },
    }
  },
}
