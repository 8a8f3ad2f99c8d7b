/** A FIFO ring that doubles its size when it is full; every operation is O(1). */
export class Buffer<T> {
  #items: (T | undefined)[] = new Array(8)
  #head = 0
  length = 0

  push(item: T): void {
    if (this.length === this.#items.length) this.#grow()
    this.#items[(this.#head + this.length) & (this.#items.length - 1)] = item
    this.length++
  }

  /** Takes the oldest item; the buffer must not be empty. */
  shift(): T {
    const item = this.#items[this.#head] as T
    this.#items[this.#head] = undefined
    this.#head = (this.#head + 1) & (this.#items.length - 1)
    this.length--
    return item
  }

  #grow(): void {
    const old = this.#items
    const size = old.length
    this.#items = new Array(size * 2)
    for (let i = 0; i < size; i++) this.#items[i] = old[(this.#head + i) & (size - 1)]
    this.#head = 0
  }
}
