/** The message of whatever was thrown. Errors may come from another realm, where `instanceof` does not know them. */
export function messageOf(error: unknown): string {
  return hasField(error, 'message') ? String(error.message) : String(error)
}

/** The HTTP status that an error asks for, as the field's own errors say it (`status`, `statusCode`); 500 for others. */
export function statusOf(error: unknown): number {
  for (const name of ['status', 'statusCode'] as const) {
    const status = hasField(error, name) ? error[name] : undefined
    if (typeof status === 'number' && Number.isInteger(status) && status >= 400 && status < 600) return status
  }
  return 500
}

/** The system's or Node's code of an error; empty where it has none. */
export function codeOf(error: unknown): string {
  return hasField(error, 'code') ? String(error.code) : ''
}

function hasField<K extends string>(value: unknown, key: K): value is Record<K, unknown> {
  return typeof value === 'object' && value !== null && key in value
}
