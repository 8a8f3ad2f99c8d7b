/**
 * Fastify instances, mounted unchanged. One made with the host's server factory has the mount server as its own from
 * the start, and everything works as if it listened itself. A prebuilt one keeps its own server, which never binds, and
 * gets the mount's events on it.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { EventEmitter } from 'node:events'
import type { FastifyInstance } from 'fastify'
import { SynclessError } from '../../core/base/errors.js'
import { report } from '../../core/base/report.js'
import type { HostPort, MountedApp, MountServer } from '../port.js'
import { fastifyPolicy } from './policy.js'

function isFastify(app: unknown): app is FastifyInstance {
  return typeof app === 'object' && app !== null && 'routing' in app && 'server' in app && 'addHook' in app
}

export const fastifyHostPort: HostPort = {
  name: 'Fastify instance',
  accepts: isFastify,
  policies: (app, server) => (isFastify(app) ? [fastifyPolicy(app, made.get(server))] : []),
  open(app, server): MountedApp {
    if (!isFastify(app)) throw new TypeError('not a Fastify instance')
    if (server.handsOver) passOnUnknown(app, server)
    return app.server === server ? openOwn(app, server) : openPrebuilt(app, server)
  },
  // A server factory is not told which instance it works for; Fastify announces that on its diagnostics channel, within
  // the same call.
  watch(server, found, options) {
    made.set(server, options)
    if (!hasField(options, 'return503OnClosing') || options.return503OnClosing !== false) refusing.add(server)
    const onMessage = (message: unknown) => {
      if (typeof message !== 'object' || message === null || !('fastify' in message)) return
      if (isFastify(message.fastify) && message.fastify.server === server) found(message.fastify)
    }
    subscribe(CHANNEL, onMessage)
    queueMicrotask(() => unsubscribe(CHANNEL, onMessage))
  },
}

const CHANNEL = 'fastify.initialization'

/** Not the server's, which instrumentations cover: they have seen the request already, where it came in. */
const { emit: emitEvent } = EventEmitter.prototype

/** The servers of instances that answer 503 while they close. Only a server factory is told; an instance does not say it. */
const refusing = new WeakSet<MountServer>()

/** The options that the instance of a server was made with. */
const made = new WeakMap<object, unknown>()

function hasField<K extends string>(value: unknown, key: K): value is Record<K, unknown> {
  return typeof value === 'object' && value !== null && key in value
}

function openOwn(app: FastifyInstance, server: MountServer): MountedApp {
  quiesceOnClose(app, server)
  return {
    takesWebSocketsOnly: () => takesWebSocketsOnly(app),
    async ready() {
      await app.ready()
      // A listen() of the user's waited for the same, ahead of us, and has reached the mount server.
      if (server.listenRequested) return
      // It settles when the host listens, for which the host waits for us.
      app.listen({ port: 0, host: '127.0.0.1' }).catch(error => report(error, `Fastify at "${server.path}"`))
    },
    close: () => app.close(),
  }
}

function openPrebuilt(app: FastifyInstance, server: MountServer): MountedApp {
  const own = app.server
  if (own.listening) throw alreadyReady(server)
  // An instance takes no plugin once it is ready, and has no other public way to say that it is.
  beforeStart(server, () => app.register(async function synclessHost() {}))
  quiesceOnClose(app, server)
  let prepared = false
  process.emitWarning(
    `the Fastify instance at "${server.path}" has a server of its own, so its onListen hooks will not run: ` +
      `make it with fastify({ serverFactory: host.serverFactory('${server.path}') })`,
    { type: 'SynclessWarning' },
  )
  return {
    takesWebSocketsOnly: () => takesWebSocketsOnly(app),
    handle(req, res) {
      // Another host may be attached to it.
      if (Object.hasOwn(own, 'emit')) own.emit('request', req, res)
      else emitEvent.call(own, 'request', req, res)
    },
    async ready() {
      // Registered when nothing else will be: hooks that end long responses at a close have to run before this one.
      if (!prepared) {
        beforeStart(server, () =>
          app.register(async last => {
            last.addHook('preClose', () => {
              const quiet = server.quiesce()
              // Fastify does it to the instance's own server, which has none.
              if (app.initialConfig.forceCloseConnections === true) server.closeAllConnections()
              return quiet
            })
          }),
        )
      }
      prepared = true
      await app.ready()
      for (const event of ['upgrade', 'checkContinue', 'checkExpectation']) forward(event, own, server)
    },
    close: () => app.close(),
  }
}

/**
 * From its first `preClose` hook on, which is this one, an instance answers 503 and ends the connection, on which requests
 * for its neighbours may be under way. So the host answers in its place, unless the instance means to serve to its end.
 * One that is closed before it has listened closes no server; hence the other hook.
 */
function quiesceOnClose(app: FastifyInstance, server: MountServer): void {
  if (refusing.has(server)) {
    app.addHook('preClose', async () => {
      server.quiesce()
    })
  }
  app.addHook('onClose', async () => {
    await server.quiesce()
  })
}

/**
 * A request that no route matches goes on before its body is read; Fastify's own 404 would read it, and refuse what it cannot
 * parse. The `onRequest` hooks of the app run first, because they are guards, unless the mount skips them.
 */
function passOnUnknown(app: FastifyInstance, server: MountServer): void {
  if (server.runsHooks) {
    app.addHook('preParsing', (request, reply, _payload, done) => {
      if (request.is404 && server.hasNext(request.raw)) server.passOn(reply)
      else done()
    })
  } else {
    app.addHook('onRequest', (request, reply, done) => {
      if (request.is404 && server.hasNext(request.raw)) server.passOn(reply)
      else done()
    })
  }
}

/** `@fastify/websocket` routes an offer that is no WebSocket like a request. */
function takesWebSocketsOnly(app: FastifyInstance): boolean {
  return app.hasDecorator('websocketServer')
}

function forward(event: string, own: FastifyInstance['server'], server: MountServer): void {
  if (own.listenerCount(event) === 0) return
  server.on(event, (...args: unknown[]) => own.emit(event, ...args))
}

function beforeStart(server: MountServer, change: () => unknown): void {
  try {
    change()
  } catch (error) {
    throw alreadyReady(server, error)
  }
}

function alreadyReady(server: MountServer, cause?: unknown): SynclessError {
  return new SynclessError(
    'APP_ALREADY_READY',
    `mount the Fastify instance for "${server.path}" before its ready() or listen() is called: it is ready already`,
    { cause },
  )
}
