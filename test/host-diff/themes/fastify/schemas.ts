import { get, json } from '../../ask.js'
import type { FastifyProgram, Theme } from '../../program.js'

const person = {
  type: 'object',
  required: ['name'],
  properties: { name: { type: 'string', minLength: 2 }, age: { type: 'integer', default: 1 } },
  additionalProperties: false,
}

export const schemas: Theme<FastifyProgram> = {
  bodies: {
    app(app) {
      app.post('/', { schema: { body: person } }, async ({ body }) => body)
    },
    say: [
      json('/', { name: 'Ann', age: '7', more: 1 }),
      json('/', { age: 1 }),
      json('/', { name: 'A' }),
      json('/', []),
    ],
  },
  'queries, parameters and headers': {
    app(app) {
      const number = { type: 'object', properties: { n: { type: 'integer', maximum: 9 } }, required: ['n'] }
      app.get('/q', { schema: { querystring: number } }, async ({ query }) => query)
      app.get('/p/:n', { schema: { params: number } }, async ({ params }) => params)
      app.get('/h', { schema: { headers: number } }, async ({ headers }) => headers.n)
    },
    say: ['/q?n=7', '/q', '/q?n=x', '/q?n=10', '/p/7', '/p/x']
      .map(path => get(path))
      .concat(get('/h', { n: 5 }), get('/h')),
  },
  'responses: fields are left out, and refused': {
    app(app) {
      app.get(
        '/',
        { schema: { response: { '2xx': person, 404: { type: 'object', properties: { no: { type: 'string' } } } } } },
        async ({ query }, reply) => {
          if ('none' in (query as object)) return reply.code(404).send({ no: 'one', secret: 1 })
          return 'bad' in (query as object) ? { age: 1 } : { name: 'Ann', age: 7, secret: 'x' }
        },
      )
    },
    say: [get('/'), get('/?none'), get('/?bad')],
  },
  'shared schemas': {
    app(app) {
      app.addSchema({ $id: 'person', ...person })
      app.post(
        '/',
        { schema: { body: { $ref: 'person#' }, response: { 200: { $ref: 'person#' } } } },
        async ({ body }) => body,
      )
    },
    say: [json('/', { name: 'Ann' }), json('/', {})],
  },
  'errors that are attached to the request': {
    app(app) {
      app.post('/', { schema: { body: person }, attachValidation: true }, async ({ validationError }) => ({
        message: validationError?.message,
        context: validationError?.validationContext,
      }))
    },
    say: [json('/', {}), json('/', { name: 'Ann' })],
  },
  'errors in words of the app': {
    app(app) {
      app.setSchemaErrorFormatter((errors, part) => new Error(`${part}: ${errors.length} wrong`))
      app.post('/', { schema: { body: person } }, async ({ body }) => body)
      app.setErrorHandler(async (error: Error & { validation?: unknown; statusCode?: number }, _request, reply) => {
        return reply
          .code(error.statusCode ?? 500)
          .send({ own: error.message, validation: error.validation !== undefined })
      })
    },
    say: [json('/', {})],
  },
  'a compiler of the app': {
    app(app, { note }) {
      app.setValidatorCompiler(({ httpPart, method, url }) => {
        note('compiled', httpPart, method, url)
        return value => (typeof value === 'object' ? { value: { checked: value } } : { error: new Error('no object') })
      })
      app.setSerializerCompiler(
        ({ httpStatus }) =>
          value =>
            JSON.stringify({ serialised: value, httpStatus }),
      )
      app.post('/', { schema: { body: {}, response: { 200: {} } } }, async ({ body }) => body)
    },
    say: [json('/', { a: 1 }), json('/', '1')],
  },
  'content types with schemas of their own': {
    majors: [5],
    app(app) {
      const schema = {
        body: {
          content: {
            'application/json': { schema: person },
            'text/plain': { schema: { type: 'string', maxLength: 2 } },
          },
        },
      }
      app.post('/', { schema }, async ({ body }) => ({ body }))
    },
    say: [json('/', {}), json('/', { name: 'Ann' })],
  },
  'compileValidationSchema and serializeInput by hand': {
    app(app) {
      app.post('/', async (request, reply) => {
        const valid = request.validateInput(request.body, person)
        return reply.send({
          valid,
          text: reply.serializeInput({ a: 1, b: 2 }, { type: 'object', properties: { a: { type: 'number' } } }),
        })
      })
    },
    say: [json('/', { name: 'Ann' }), json('/', {})],
  },
  'options of Ajv': {
    options: () => ({ ajv: { customOptions: { coerceTypes: false, removeAdditional: false, allErrors: true } } }),
    app(app) {
      app.post('/', { schema: { body: person } }, async ({ body }) => body)
    },
    say: [json('/', { name: 'Ann', age: '7' }), json('/', { name: 1, age: 'x', more: 1 })],
  },
}
