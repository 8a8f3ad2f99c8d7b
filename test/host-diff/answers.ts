/** Reads answers off a connection far enough to know where each ends, and what the server means to do after it. */
export class Answers {
  /** How many final answers have come in whole. */
  complete = 0
  /** Whether the last one, or the one under way, says that the connection ends with it. */
  last = false
  readonly #methods: string[] = []
  #text = ''
  #head: { at: number; body: number; length: number | 'chunked' | 'rest' } | null = null

  expect(methods: readonly string[]): void {
    this.#methods.push(...methods)
  }

  get expected(): number {
    return this.#methods.length
  }

  feed(bytes: string): void {
    this.#text += bytes
    while (this.#step());
  }

  #step(): boolean {
    this.#head ??= this.#readHead()
    if (this.#head === null) return false
    const { body, length } = this.#head
    const end = length === 'chunked' ? this.#chunksEnd(body) : length === 'rest' ? -1 : body + length
    if (end < 0 || end > this.#text.length) return false
    this.#text = this.#text.slice(end)
    this.#head = null
    this.complete++
    return true
  }

  #readHead(): { at: number; body: number; length: number | 'chunked' | 'rest' } | null {
    const end = this.#text.indexOf('\r\n\r\n')
    if (end < 0) return null
    const head = this.#text.slice(0, end)
    const status = Number(/^HTTP\/1\.\d (\d{3})/.exec(head)?.[1])
    if (status < 200 && status !== 101) {
      this.#text = this.#text.slice(end + 4)
      return this.#readHead()
    }
    const method = this.#methods[this.complete] ?? 'GET'
    this.last = /^connection:.*close/im.test(head)
    const body = end + 4
    const length = Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? -1)
    if (method === 'HEAD' || status === 204 || status === 304) return { at: 0, body, length: 0 }
    if (status === 101 || (method === 'CONNECT' && status < 300)) {
      this.last = true
      return { at: 0, body, length: 0 }
    }
    if (/^transfer-encoding:.*chunked/im.test(head)) return { at: 0, body, length: 'chunked' }
    if (length >= 0) return { at: 0, body, length }
    this.last = true
    return { at: 0, body, length: 'rest' }
  }

  #chunksEnd(from: number): number {
    for (let at = from; ; ) {
      const line = this.#text.indexOf('\r\n', at)
      if (line < 0) return -1
      const size = Number.parseInt(this.#text.slice(at, line), 16)
      if (!(size > 0)) return this.#trailersEnd(line)
      at = line + 2 + size + 2
    }
  }

  #trailersEnd(line: number): number {
    const end = this.#text.indexOf('\r\n\r\n', line)
    return end < 0 ? -1 : end + 4
  }
}
