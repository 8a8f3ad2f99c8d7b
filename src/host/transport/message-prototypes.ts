/**
 * Express gives each request and response prototypes of its own. On Node 20 and 22 changing the prototype of an object
 * that exists costs more than all else that Express does; made with the right ones from the start, nothing changes. That
 * is for an app that is alone on its host: any other would be shown requests of Express. From Node 24 on V8 changes
 * prototypes cheaply, and finds its way worse among objects made like this, so nothing is done there.
 */
import * as http from 'node:http'
import type { MessagePrototypes } from '../../adapters/port.js'

/** Whether making messages with the prototypes of their app is faster than changing them. */
export const prototypesPay = Number(process.versions.node.split('.')[0]) < 24

/** The classes that a `http.Server` makes its messages of, and what changes their prototypes. */
export interface MessageClasses {
  readonly options: Pick<http.ServerOptions, 'IncomingMessage' | 'ServerResponse'>
  /** Gives the messages made from now on these prototypes; null, Node's own. */
  use(prototypes: MessagePrototypes | null): void
}

/** Classes whose prototypes can change. They have the names of Node's own, which stacks show. */
export function messageClasses(): MessageClasses {
  // Node's own constructors may be called on an object that exists, as `util.inherits` has it.
  function IncomingMessage(this: http.IncomingMessage, ...args: unknown[]): void {
    Reflect.apply(http.IncomingMessage as never, this, args)
  }
  function ServerResponse(this: http.ServerResponse, ...args: unknown[]): void {
    Reflect.apply(http.ServerResponse as never, this, args)
  }
  IncomingMessage.prototype = http.IncomingMessage.prototype
  ServerResponse.prototype = http.ServerResponse.prototype
  return {
    options: { IncomingMessage: IncomingMessage as never, ServerResponse: ServerResponse as never },
    use(prototypes) {
      IncomingMessage.prototype = (prototypes?.request ?? http.IncomingMessage.prototype) as http.IncomingMessage
      ServerResponse.prototype = (prototypes?.response ?? http.ServerResponse.prototype) as http.ServerResponse
    },
  }
}
