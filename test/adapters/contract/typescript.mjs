/** Lets a child process load the sources as they are: `./loop.js` is found as `./loop.ts`, and its types are taken out. */
import { existsSync, readFileSync } from 'node:fs'
import { register } from 'node:module'
import { fileURLToPath } from 'node:url'
import { isMainThread } from 'node:worker_threads'

if (isMainThread) register(import.meta.url)

export async function resolve(specifier, context, next) {
  const source = specifier.replace(/\.js$/, '.ts')
  const isSource = source !== specifier && context.parentURL?.endsWith('.ts') && /^(\.|file:)/.test(specifier)
  if (isSource && existsSync(new URL(source, context.parentURL))) return next(source, context)
  return next(specifier, context)
}

export async function load(url, context, next) {
  if (!url.endsWith('.ts')) return next(url, context)
  const { transformSync } = await import('@swc/core')
  const { code } = transformSync(readFileSync(fileURLToPath(url), 'utf8'), {
    jsc: { target: 'es2022', parser: { syntax: 'typescript' } },
    module: { type: 'es6' },
  })
  return { format: 'module', source: code, shortCircuit: true }
}
