/**
 * Express gives each request and response prototypes of its own. On Node 20 and 22 changing the prototype of an object
 * that exists costs more than all else that Express does; made with the right ones from the start, nothing changes. That
 * is for an app that is alone on its host: any other would be shown requests of Express. From Node 24 on V8 changes
 * prototypes cheaply, and finds its way worse among objects made like this, so nothing is done there.
 */
import { IncomingMessage, type ServerOptions, ServerResponse } from 'node:http'
import type { MessagePrototypes } from '../adapters/port.js'

/** Whether making messages with the prototypes of their app is faster than changing them. */
export const prototypesPay = Number(process.versions.node.split('.')[0]) < 24

/** The classes that a `http.Server` makes its messages of, and what changes their prototypes. */
export interface MessageClasses {
  readonly options: Pick<ServerOptions, 'IncomingMessage' | 'ServerResponse'>
  /** Gives the messages made from now on these prototypes; null, Node's own. */
  use(prototypes: MessagePrototypes | null): void
}

/** Classes whose prototypes can change. */
export function messageClasses(): MessageClasses {
  // Node's own constructors may be called on an object that exists, as `util.inherits` has it.
  function Request(this: IncomingMessage, ...args: unknown[]): void {
    Reflect.apply(IncomingMessage as never, this, args)
  }
  function Response(this: ServerResponse, ...args: unknown[]): void {
    Reflect.apply(ServerResponse as never, this, args)
  }
  Request.prototype = IncomingMessage.prototype
  Response.prototype = ServerResponse.prototype
  return {
    options: { IncomingMessage: Request as never, ServerResponse: Response as never },
    use(prototypes) {
      Request.prototype = (prototypes?.request ?? IncomingMessage.prototype) as IncomingMessage
      Response.prototype = (prototypes?.response ?? ServerResponse.prototype) as ServerResponse
    },
  }
}
