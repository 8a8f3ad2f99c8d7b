import { useAmbientScope } from './scope.js'

/**
 * @internal The scope that a new tasklet joins here; null is the root scope, where nobody waits. `enterScope` has an
 * effect only after this file was loaded: an app that never starts a tasklet in a hosted request does not pay for the
 * context.
 */
export const currentScope = useAmbientScope()
