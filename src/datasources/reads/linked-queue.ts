/** Stands in at most one line at a time. */
export interface Standing {
  before?: this | undefined;
  after?: this | undefined;
}

/**
 * First come, first served; anybody may leave from anywhere. (A `Set` would do, but V8 keeps what was deleted from a
 * long-lived one, and all that it refers to, until the next full collection.)
 */
export class Line<T extends Standing> {
  first: T | undefined;
  last: T | undefined;
  size = 0;

  join(one: T): void {
    one.before = this.last;
    if (this.last === undefined) this.first = one;
    else this.last.after = one;
    this.last = one;
    this.size++;
  }

  /** For one who stands in this line. */
  leave(one: T): void {
    if (one.before === undefined) this.first = one.after;
    else one.before.after = one.after;
    if (one.after === undefined) this.last = one.before;
    else one.after.before = one.before;
    one.before = undefined;
    one.after = undefined;
    this.size--;
  }

  *[Symbol.iterator](): Generator<T> {
    for (let one = this.first; one !== undefined; ) {
      const next: T | undefined = one.after;
      yield one; // who may leave meanwhile
      one = next;
    }
  }
}
