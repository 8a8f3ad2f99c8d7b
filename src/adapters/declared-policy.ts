import type { AppPolicy } from './port.js'

/** Of handlers that an adapter has made, and that are mounted as plain functions. */
const declared = new WeakMap<object, AppPolicy>()

export function declarePolicy(handler: object, policy: AppPolicy): void {
  declared.set(handler, policy)
}

export function declaredPolicy(handler: object): AppPolicy | undefined {
  return declared.get(handler)
}
