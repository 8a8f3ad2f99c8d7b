/** What passes on a framework alone and not in a host, and is meant. docs/hosting.md says it, too. */
export interface MeantDifference {
  readonly says: string
  /** The names of the tests: each of them fails. */
  readonly tests: readonly string[]
}

export const meantDifferences: readonly MeantDifference[] = [
  {
    says: "Bytes that are no request get Node's bare 400, 408, 413 or 431 from Fastify's mounts, too, and no `clientErrorHandler`.",
    tests: [
      'test/404s.test.js: Unknown method',
      'test/client-timeout.test.js: requestTimeout should return 408',
      'test/reply-error.test.js: Should reply 400 on client error',
      'test/reply-error.test.js: Should set the response from client error handler',
      'test/request-error.test.js: default clientError replies with bad request on reused keep-alive connection',
      'test/request-error.test.js: non-numeric content-length is rejected before Fastify body parsing',
    ],
  },
  {
    says: 'Fastify tells a server that a factory has made nothing of its time limits, and `app.server` has none of them.',
    tests: ['test/max-requests-per-socket.test.js: requestTimeout passed to server'],
  },
]
