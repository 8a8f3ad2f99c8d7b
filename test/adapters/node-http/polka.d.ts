declare module 'polka' {
  import type { IncomingMessage, ServerResponse } from 'node:http'

  type Request = IncomingMessage & { params: Record<string, string> }
  interface Polka {
    get(path: string, handler: (req: Request, res: ServerResponse) => void): this
    readonly handler: (req: IncomingMessage, res: ServerResponse, parsed?: URL) => void
  }
  export default function polka(): Polka
}
