/** A member of at most one queue at a time. The links belong to the queue. */
export interface QueueNode {
  previous?: this | undefined;
  next?: this | undefined;
}

/**
 * First in, first out; a node may be removed from anywhere in constant time. (A `Set` would do, but V8 keeps what was
 * deleted from a long-lived one, and everything it refers to, until the next full collection.)
 */
export class LinkedQueue<Node extends QueueNode> {
  first: Node | undefined;
  last: Node | undefined;
  size = 0;

  add(node: Node): void {
    node.previous = this.last;
    if (this.last === undefined) this.first = node;
    else this.last.next = node;
    this.last = node;
    this.size++;
  }

  /** For a node of this queue. */
  remove(node: Node): void {
    if (node.previous === undefined) this.first = node.next;
    else node.previous.next = node.next;
    if (node.next === undefined) this.last = node.previous;
    else node.next.previous = node.previous;
    node.previous = undefined;
    node.next = undefined;
    this.size--;
  }

  /** The node at hand may be removed during the iteration. */
  *[Symbol.iterator](): Generator<Node> {
    for (let node = this.first; node !== undefined; ) {
      const next: Node | undefined = node.next;
      yield node;
      node = next;
    }
  }
}
