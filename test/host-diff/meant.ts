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
    says: "Limits that an app sets on its own server do nothing: connections are the host's.",
    program: /as many requests as a connection may have, by its server$/,
    arrangement: /^(host\.server|under)/,
    shows: /Keep-Alive: timeout=5␍(.|\n)*\(kept\)/,
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
    says: 'On releases of Node without shouldUpgradeCallback, a socket that offered another upgrade tells its bytes as data.',
    program: /an upgrade that nobody takes is a request$/,
    arrangement: /./,
    shows: /socket1 data/,
    always: false,
  },
  {
    says: 'A response that ends while its host closes ends its connection, and says so.',
    program: /a close while a request is under way$/,
    arrangement: /^at \/$/,
    shows: /Connection: close␍(.|\n)*\(ended by the server\)/,
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
