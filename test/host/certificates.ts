/** The certificates of test/fixtures/tls. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const file = (name: string): Buffer => readFileSync(join(__dirname, '../fixtures/tls', name))

export const ca = file('ca.pem')
/** For localhost, 127.0.0.1 and ::1. */
export const server = { key: file('key.pem'), cert: file('cert.pem') }
/** For other.example. */
export const other = { key: file('other-key.pem'), cert: file('other-cert.pem') }
export const client = { key: file('client-key.pem'), cert: file('client-cert.pem') }
/** For localhost, signed by themselves; one has expired long ago. */
export const own = { key: file('own-key.pem'), cert: file('own-cert.pem') }
export const expired = { key: own.key, cert: file('expired-cert.pem') }
