/** A node of one {@link List} at a time. The links are the node's own: queueing allocates nothing. */
export interface ListNode<N> {
  before: N | null
  after: N | null
}

/** An intrusive doubly linked queue: every operation is O(1), removal from the middle included. */
export class List<N extends ListNode<N>> {
  head: N | null = null
  tail: N | null = null
  length = 0

  pushBack(node: N): void {
    node.before = this.tail
    if (this.tail === null) this.head = node
    else this.tail.after = node
    this.tail = node
    this.length++
  }

  shift(): N | null {
    const node = this.head
    if (node !== null) this.remove(node)
    return node
  }

  /** `node` must be in this list. */
  remove(node: N): void {
    const { before, after } = node
    if (before === null) this.head = after
    else before.after = after
    if (after === null) this.tail = before
    else after.before = before
    node.before = null
    node.after = null
    this.length--
  }
}
