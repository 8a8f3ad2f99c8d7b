/** A reporter for node:test: one JSON line for each test. */
import { relative } from 'node:path'

interface Event {
  readonly type: string
  readonly data: {
    readonly name: string
    readonly nesting: number
    readonly file?: string
    readonly details?: { readonly error?: Error & { cause?: unknown } }
  }
}

export default async function* reporter(events: AsyncIterable<Event>): AsyncGenerator<string> {
  const path: string[] = []
  for await (const { type, data } of events) {
    if (type === 'test:start') {
      path.length = data.nesting
      path[data.nesting] = data.name
    }
    if (type !== 'test:pass' && type !== 'test:fail') continue
    path.length = data.nesting + 1
    const error = data.details?.error
    const file = relative(process.cwd(), data.file ?? '')
    const why = type === 'test:fail' ? String((error?.cause as Error)?.stack ?? error?.cause ?? error) : undefined
    yield `${JSON.stringify({ name: `${file}: ${path.join(' > ')}`, why })}\n`
  }
}
