import type { FastifyInstance, FastifyRequest } from 'fastify'
import { get, json } from '../../ask.js'
import type { FastifyProgram, Theme } from '../../program.js'
import { place } from './routing.js'

/** A plugin whose decorators and hooks its parent has, too. */
const shared = <F extends (app: FastifyInstance) => Promise<void>>(plugin: F): F =>
  Object.assign(plugin, { [Symbol.for('skip-override')]: true })

export const plugins: Theme<FastifyProgram> = {
  'prefixes, one in another': {
    app(app) {
      app.register(
        async one => {
          one.get('/', place)
          one.get('/x', place)
          one.register(async two => void two.get('/y/:z', place), { prefix: '/two' })
        },
        { prefix: '/one' },
      )
    },
    say: ['/one', '/one/', '/one/x', '/one/two/y/1', '/one/two', '/two/y/1'].map(path => get(path)),
  },
  'prefixes with parameters, and slashes at the end': {
    app(app) {
      app.register(
        async one => {
          one.get('/', { prefixTrailingSlash: 'slash' }, place)
          one.get('/no', { prefixTrailingSlash: 'no-slash' }, place)
        },
        { prefix: '/org/:org/' },
      )
    },
    say: [get('/org/7/'), get('/org/7'), get('/org/7/no'), get('/org/7//no')],
  },
  'decorators of instances, requests and replies': {
    app(app, { note }) {
      app.decorate('answer', 42)
      app.decorateRequest('user', '')
      app.decorateReply('ok', function (this: { send(value: unknown): unknown }) {
        return this.send({ ok: true })
      } as never)
      app.addHook('onRequest', async request => {
        note(Reflect.get(request, 'user'))
        Reflect.set(request, 'user', 'ann')
      })
      app.get('/', async request => ({ answer: Reflect.get(app, 'answer'), user: Reflect.get(request, 'user') }))
      app.get('/ok', (_request, reply) => Reflect.get(reply, 'ok').call(reply))
    },
    say: [get('/'), get('/ok'), get('/')],
  },
  'decorators stay in their plugin, unless it is shared': {
    app(app) {
      app.register(async plugin => {
        plugin.decorate('hidden', 1)
        plugin.get('/in', async () => `${'hidden' in plugin} ${'open' in plugin}`)
      })
      app.register(
        shared(async plugin => {
          plugin.decorate('open', 1)
        }),
      )
      app.get('/', async () => `${'hidden' in app} ${'open' in app}`)
    },
    say: [get('/'), get('/in')],
  },
  'parsers and serializers stay in their plugin': {
    app(app) {
      const echo = async ({ body }: FastifyRequest) => ({ body })
      app.register(async plugin => {
        plugin.addContentTypeParser('text/own', { parseAs: 'string' }, (_request, body, done) =>
          done(null, `own ${body}`),
        )
        plugin.setReplySerializer(value => `in ${JSON.stringify(value)}`)
        plugin.post('/in', echo)
      })
      app.post('/', echo)
    },
    say: [json('/', { a: 1 }), json('/in', { a: 1 })],
  },
  'the order in which plugins are loaded': {
    app(app, { note }) {
      app.register(async () => {
        note('one begins')
        await null
        note('one ends')
      })
      app.after(() => note('after one'))
      app.register((_plugin, _options, done) => {
        note('two')
        setImmediate(done)
      })
      app.after(error => note('after two', error))
      note('declared')
      app.get('/', async () => 'x')
    },
    say: [get('/')],
  },
  'routes by await of a plugin': {
    app(app) {
      app.register(async plugin => {
        await plugin.register(async deep => void deep.get('/deep', async () => 'deep'))
        plugin.get('/after', async () => 'after')
      })
    },
    say: [get('/deep'), get('/after')],
  },
  'dependencies and getters': {
    app(app) {
      app.decorate('lazy', {
        getter: () => 'from a getter',
      })
      app.decorateRequest('twice', {
        getter(this: FastifyRequest) {
          return `${this.id} twice`
        },
      })
      app.get('/', async request => [Reflect.get(app, 'lazy'), Reflect.get(request, 'twice'), app.hasDecorator('lazy')])
    },
    say: [get('/')],
  },
  'the logger': {
    options: ({ note }) => ({
      logger: {
        level: 'info',
        base: null,
        timestamp: false,
        stream: {
          write(line: string) {
            note('log', line.trim().replace(/"responseTime":[\d.e-]+/, '"responseTime":0'))
          },
        },
      },
    }),
    app(app) {
      app.get('/', async request => {
        request.log.info({ own: 1 }, 'in the handler')
        return 'x'
      })
      app.get('/error', async () => {
        throw Object.assign(new Error('logged'), { statusCode: 400, stack: 'no stack' })
      })
    },
    say: [get('/'), get('/error'), get('/none')],
  },
  'the logger, told not to log requests, with a child of its own': {
    options: ({ note }) => ({
      disableRequestLogging: true,
      logger: {
        level: 'info',
        base: null,
        timestamp: false,
        stream: { write: (line: string) => note('log', line.trim()) },
      },
      requestIdLogLabel: 'number',
    }),
    app(app) {
      app.setChildLoggerFactory((logger, bindings, options, raw) =>
        logger.child({ ...bindings, url: raw.url }, options),
      )
      app.get('/', { logLevel: 'warn' }, async request => {
        request.log.info('not logged')
        request.log.warn('logged')
        return 'x'
      })
    },
    say: [get('/')],
  },
  'where an instance listens': {
    app(app, { note }) {
      app.get('/', async () => {
        try {
          note(app.listeningOrigin, app.addresses().length)
        } catch {
          note('nowhere')
        }
        return 'x'
      })
    },
    say: [get('/')],
  },
  'versions, names and what an instance says of itself': {
    app(app, { note }) {
      app.get('/', async () => {
        note(app.prefix, app.pluginName, app.hasPlugin('none'), app.version)
        const { connectionTimeout, keepAliveTimeout, bodyLimit } = app.initialConfig
        note({ connectionTimeout, keepAliveTimeout, bodyLimit })
        return 'x'
      })
    },
    say: [get('/')],
  },
  'requests that are injected': {
    app(app, { note, at }) {
      app.addHook('onRequest', async ({ url, ip }) => note('onRequest', url, ip))
      app.get('/inner', async ({ headers }) => ({ host: headers.host }))
      app.get('/', async () => {
        const { statusCode, headers, body } = await app.inject(`${at}/inner`)
        return { statusCode, length: headers['content-length'], body }
      })
    },
    say: [get('/'), get('/inner')],
  },
  'a plugin that fails is told to its app': {
    app(app, { note }) {
      app.register(async () => {
        throw new Error('of the plugin')
      })
      app.after(error => note('after', error?.message))
      app.get('/', async () => 'x')
    },
    say: [get('/')],
  },
  'hooks, routes and decorators that come too late': {
    app(app, { note }) {
      const attempt = (what: string, change: () => unknown) => {
        try {
          change()
          note(what, 'taken')
        } catch (error) {
          note(what, error instanceof Error && 'code' in error && error.code)
        }
      }
      app.get('/', async () => {
        attempt('addHook', () => app.addHook('onRequest', async () => {}))
        attempt('get', () => app.get('/late', async () => 'late'))
        attempt('decorate', () => app.decorateRequest('late', 1))
        attempt('parser', () => app.addContentTypeParser('late/x', (_request, _payload, done) => done(null)))
        return 'x'
      })
    },
    say: [get('/'), get('/late')],
  },
}
