/** Sends requests byte for byte, several at once on several connections. */
import { once } from 'node:events'
import { connect } from 'node:net'

const STATUS = /HTTP\/1\.1 (?!100)\d{3} /g
const PIPELINED = 4
const CONNECTIONS = 16

/** Sends every request as it is. Calls `onAnswers` with what came in for some of them. */
export async function sendAll(
  port: number,
  requests: readonly string[],
  onAnswers: (text: string) => void = () => {},
): Promise<void> {
  const left = [...requests].reverse()
  await Promise.all(Array.from({ length: CONNECTIONS }, () => sendOn(port, left, onAnswers)))
}

/** What Node's parser refuses ends a connection, and those behind it go on the next. */
async function sendOn(port: number, left: string[], onAnswers: (text: string) => void): Promise<void> {
  while (left.length > 0) {
    const socket = connect({ port, host: '127.0.0.1' })
    let batch: string[] = []
    let text = ''
    const more = () => {
      batch = left.splice(-PIPELINED).reverse()
      text = ''
      if (batch.length === 0) socket.end()
      else socket.write(batch.join(''), 'latin1')
    }
    socket.setEncoding('latin1').on('data', chunk => {
      text += chunk
      if (answers(text) < batch.length) return
      onAnswers(text)
      more()
    })
    socket.on('error', () => {})
    more()
    await once(socket, 'close')
    onAnswers(text)
    left.push(...batch.slice(answers(text) || 1).reverse())
  }
}

function answers(text: string): number {
  return text.match(STATUS)?.length ?? 0
}

/** How many answers had each status. */
export class Statuses {
  readonly counts: Record<string, number> = {}

  add(text: string): void {
    for (const [, status = ''] of text.matchAll(/HTTP\/1\.1 (\d{3}) /g)) this.counts[status] = this.of(status) + 1
  }

  of(status: string | number): number {
    return this.counts[status] ?? 0
  }
}
