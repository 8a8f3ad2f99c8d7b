import type { TrustPolicy } from '../../port.js'

/** Names of subnets, as proxy-addr has them, which Express and Fastify use. */
const subnets = new Map([
  ['loopback', ['127.0.0.1/8', '::1/128']],
  ['linklocal', ['169.254.0.0/16', 'fe80::/10']],
  ['uniquelocal', ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7']],
])

/** What the setting `trust proxy` of Express and `trustProxy` of Fastify means, in one form. */
export function trustPolicy(setting: unknown): TrustPolicy {
  if (typeof setting === 'boolean') return setting
  if (typeof setting === 'number') return setting > 0 ? setting : false
  if (isFunction(setting)) return setting
  const list: readonly unknown[] = Array.isArray(setting)
    ? setting
    : typeof setting === 'string'
      ? setting.split(',')
      : []
  const names = list.map(name => String(name).trim()).filter(name => name !== '')
  return names.length > 0 && new Set(names.flatMap(name => subnets.get(name) ?? [name]))
}

function isFunction(value: unknown): value is (...args: never) => unknown {
  return typeof value === 'function'
}
