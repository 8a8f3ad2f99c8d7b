import type { Node } from '../loop/op.js'

/**
 * One of the two queues of a channel: a `List` for a channel's nodes only. `ChannelNode.next` says why they have their
 * own code. The `before` of the first node is the last node. Each reference from an old object to a new one, such as
 * from here to a node, is an entry in the books of the garbage collector, and one is enough.
 */
export class ChannelQueue {
  head: Node<unknown> | null = null
  length = 0

  pushBack(node: Node<unknown>): void {
    const head = this.head
    if (head === null) {
      this.head = node
      node.before = node
    } else {
      const tail = head.before
      if (tail !== null) tail.after = node
      node.before = tail
      head.before = node
    }
    this.length++
  }

  shift(): Node<unknown> | null {
    const node = this.head
    if (node !== null) this.remove(node)
    return node
  }

  /** `node` must be in this queue. */
  remove(node: Node<unknown>): void {
    const { before, after } = node
    if (node === this.head) this.head = after
    else if (before !== null) before.after = after
    if (after !== null) after.before = before
    else if (this.head !== null) this.head.before = before
    node.before = null
    node.after = null
    this.length--
  }
}
