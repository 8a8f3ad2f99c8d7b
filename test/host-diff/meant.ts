/** The differences that are meant. docs/hosting.md says them, too. */
export interface MeantDifference {
  readonly says: string
  /** The programs and arrangements that differ so: all of them must, and no other may. */
  readonly program: RegExp
  readonly arrangement: RegExp
  /** What the hosted transcript has then. */
  readonly shows: RegExp
  /** Whether it is so on every release of Node. */
  readonly always: boolean
}

export const meantDifferences: readonly MeantDifference[] = [
  {
    says: 'A stripped `http://name/app/x` is `/x`. Express itself leaves the name; not every app finds the path behind a name.',
    program: /routing: an absolute target$/,
    arrangement: /^stripped$/,
    shows: /"url":"\/a\?b"/,
    always: true,
  },
  {
    says: "Limits that an app sets on its own server have no effect: the connections are the host's.",
    program: /as many requests as a connection may have, by its server$/,
    arrangement: /^(host\.server|under)/,
    shows: /Keep-Alive: timeout=5␍(.|\n)*\(kept\)/,
    always: true,
  },
  {
    says: "Limits that an app sets on its own server have no effect: the connections are the host's.",
    program: /^Fastify.*, by Fastify alone$/,
    arrangement: /^(?!stripped)/,
    shows: /Keep-Alive: timeout=72␍/,
    always: true,
  },
  {
    says: "Bytes that are no request get Node's bare 400, 408, 413 or 431 from Fastify's mounts, too; `clientErrorHandler` is not called.",
    program: /^Fastify.*no HTTP: /,
    arrangement: /./,
    shows: /HTTP\/1\.1 4\d\d [\w ]+␍\n {2}Connection: close␍\n {2}␍\n {2}\n/,
    always: true,
  },
  {
    says: 'A WebSocket handshake that no mount takes is answered with 404 at once.',
    program: /a WebSocket that nobody takes$/,
    arrangement: /./,
    shows: /HTTP\/1\.1 404 Not Found␍/,
    always: true,
  },
  {
    says: 'On releases of Node without `shouldUpgradeCallback`, a socket that offered another upgrade emits its bytes as `data`.',
    program: /an upgrade that nobody takes is a request$/,
    arrangement: /./,
    shows: /socket1 data/,
    always: false,
  },
  {
    says: 'A response that ends while its host closes ends its connection, and says so by `Connection: close`.',
    program: /^Express.*a close while a request is under way$/,
    arrangement: /^at \/$/,
    shows: /Connection: close␍(.|\n)*\(ended by the server\)/,
    always: true,
  },
  {
    says: 'A Fastify instance that closes leaves the connections to its neighbours, and runs `onClose` after its last response.',
    program: /^Fastify.*a close while (a request is under way|a body comes in|an event stream is open.*)$/,
    arrangement: /./,
    shows: /\(kept\)(.|\n)*onResponse(.|\n)*res1 close(.|\n)*onClose/,
    always: true,
  },
  {
    says: 'A Fastify instance that closes leaves the connections to its neighbours, and runs `onClose` after its last response.',
    program: /^Fastify.*a close that ends connections$/,
    arrangement: /./,
    shows: /socket1 close(.|\n)*onRequestAbort\n {2}onClose/,
    always: true,
  },
  {
    says: 'A Fastify instance that closes leaves the connections to its neighbours, and runs `onClose` after its last response.',
    program: /^Fastify.*a close, twice$/,
    arrangement: /./,
    shows: /\(kept\)(.|\n)*preClose\n {2}onClose/,
    always: true,
  },
  {
    says: 'While a Fastify instance of a server factory closes, the host answers 503 in its place.',
    program: /^Fastify.*a request while the app closes$/,
    arrangement: /^serverFactory/,
    shows: /503 Service Unavailable␍\n {2}Retry-After: 1␍(.|\n)*\(kept\)/,
    always: true,
  },
  {
    says: 'A Fastify instance with a server of its own does not hear that the host listens: no `onListen`, log line or address.',
    program:
      /^Fastify.*(onListen|the logger.*|events of the server|what a server says of itself|where an instance listens)$/,
    arrangement: /^prebuilt/,
    shows: /^(?!(.|\n)*(onListen|listening|address: '127|http:\/\/127))/,
    always: true,
  },
  {
    says: 'The `onRegister` hooks of such an instance see two plugins of the host.',
    program: /^Fastify.*onRoute and onRegister$/,
    arrangement: /^prebuilt at/,
    shows: /onRegister \[\]\n {2}onRegister \[\]\n/,
    always: true,
  },
  {
    says: 'The server of a Fastify instance that was made without the host emits no `connection`.',
    program: /^Fastify.*connections, told to a listener of the app$/,
    arrangement: /^prebuilt/,
    shows: /^(?!(.|\n)*server connection)/,
    always: true,
  },
  {
    says: "The server of an app emits `connection` for each request and each upgrade: the host's connections serve other apps, too.",
    program: /^Fastify.*connections, told to a listener of the app$/,
    arrangement: /./,
    shows: /req1 GET (.|\n)*server connection(.|\n)*res1 finish/,
    always: true,
  },
  {
    says: 'A stripped `/app//x` is `//x`, as under Express 5; Express 4 itself makes it `/x`.',
    program: /^Express 4, routing: doubled slashes, dots, semicolons and fragments are not touched$/,
    arrangement: /^stripped$/,
    shows: /"url":"\/\/x"/,
    always: true,
  },
]

export function isMeant(program: string, arrangement: string): MeantDifference | null {
  return meantDifferences.find(meant => meant.program.test(program) && meant.arrangement.test(arrangement)) ?? null
}
