/** What a run has shown, as lines that can be compared: all that may differ from one run to the next is taken out. */
import type { Session } from './session.js'
import type { Client } from './talk.js'

export function transcript(session: Session, clients: readonly Client[], ports: readonly number[]): string[] {
  const lines: string[] = []
  for (const { number, received, fate } of clients) {
    lines.push(`client ${number} received:`, ...received.split('\n').map(line => `  ${visible(line)}`), `  (${fate})`)
  }
  lines.push('the app saw:', ...session.lines.flatMap(line => line.split('\n').map(part => `  ${visible(part)}`)))
  if (session.stuck !== '') lines.push(`STUCK: ${session.stuck}`)
  const port = new RegExp(`\\b(${ports.join('|')})\\b`, 'g')
  return lines.map(line => undated(line).replace(port, 'PORT'))
}

/** A carriage return is shown, and bytes that are no text. */
function visible(line: string): string {
  return line.replaceAll('\r', '␍').replace(/[^\n\x20-\x7e␍]/g, c => `\\x${c.charCodeAt(0).toString(16)}`)
}

function undated(line: string): string {
  return line
    .replace(/^( *date: )\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT/i, '$1-')
    .replace(/(Expires=)\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT/g, '$1-')
}

/** What differs, as lines of a diff with their places; empty where nothing does. */
export function differences(bare: readonly string[], hosted: readonly string[]): string[] {
  let from = 0
  while (from < bare.length && from < hosted.length && bare[from] === hosted[from]) from++
  let tail = 0
  while (
    tail < Math.min(bare.length, hosted.length) - from &&
    bare[bare.length - 1 - tail] === hosted[hosted.length - 1 - tail]
  ) {
    tail++
  }
  const only = (lines: readonly string[], sign: string) =>
    lines.slice(from, lines.length - tail).map(line => `${sign}${line.slice(0, 300)}`)
  const changed = [...only(bare, '-'), ...only(hosted, '+')]
  return changed.length === 0 ? [] : [...bare.slice(Math.max(0, from - 3), from).map(line => ` ${line}`), ...changed]
}
