/** What passes on a framework alone and not in a host, and is meant. docs/hosting.md says it, too. */
export interface MeantDifference {
  readonly says: string
  /** The framework whose suite shows it. */
  readonly framework: string
  /** The names of the tests: each of them fails. */
  readonly tests: readonly string[]
}

const bytes =
  "Bytes that are no request get Node's bare 400, 408, 413 or 431 from Fastify's mounts, too; `clientErrorHandler` is not called."

const times =
  'Fastify does not pass its time limits to a server that a factory has made, and `app.server` has none of them.'

export const meantDifferences: readonly MeantDifference[] = [
  {
    says: bytes,
    framework: 'fastify4',
    tests: [
      'test/404s.test.js: Unknown method',
      'test/client-timeout.test.js: requestTimeout should return 408',
      'test/request-error.test.js: default clientError replies with bad request on reused keep-alive connection',
    ],
  },
  {
    says: bytes,
    framework: 'fastify',
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
    says: times,
    framework: 'fastify4',
    tests: ['test/maxRequestsPerSocket.test.js: requestTimeout passed to server'],
  },
  {
    says: times,
    framework: 'fastify',
    tests: ['test/max-requests-per-socket.test.js: requestTimeout passed to server'],
  },
  {
    says: 'Fastify 4 with a server factory does not check the version of HTTP: it answers `HTTP/2.0` and the like as any other.',
    framework: 'fastify4',
    tests: [
      'test/unsupported-httpversion.test.js: Will return 505 HTTP error if HTTP version (2.0 when server is 1.1) is not supported',
    ],
  },
  {
    says: "The server of an app emits `connection` for each request and each upgrade: the host's connections serve other apps, too.",
    framework: 'ws',
    tests: ["WebSocketServer #close emits the 'close' event after the server closes"],
  },
  {
    says: "Limits that an app sets on its own server have no effect: the connections are the host's.",
    framework: 'ws',
    tests: ['WebSocketServer Connection establishing fails if the Upgrade header field value cannot be read'],
  },
  {
    says: 'A connection that is emitted on the server of an app is not served.',
    framework: 'ws',
    tests: [
      "If there is no 'redirect' event listener drops the `auth` option",
      "If there is no 'redirect' event listener drops the Authorization and Cookie headers",
      "If there is at least one 'redirect' event listener does not drop any headers by default",
    ].map(name => `WebSocket Connection establishing When moving away from a secure context ${name}`),
  },
]

/** The tests of a framework's suite that are meant to fail in a host. */
export function meantTests(framework: string): string[] {
  return meantDifferences.filter(meant => meant.framework === framework).flatMap(({ tests }) => tests)
}
