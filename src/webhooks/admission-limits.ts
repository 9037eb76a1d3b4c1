/** Webhooks that may be arriving at a time, in all and from one address; each holds up to a whole body. */
const maxOpen = 256;
const maxOpenOfAddress = 64;
/** Bodies with a wrong signature that one address may send in a second. */
const maxForged = 50;

interface Address {
  open: number;
  forged: number;
  /** When `forged` was last zero, in milliseconds of `performance.now()`. */
  since: number;
}

/** Limits what can be sent without knowing a secret, by address, so that one sender leaves room for others. */
export class AdmissionLimits {
  readonly #addresses = new Map<string, Address>();
  #open = 0;

  /** Whether one more webhook of this address may be read. If so, `leave` must follow. */
  enter(address: string, now = performance.now()): boolean {
    const known = this.#addresses.get(address) ?? { open: 0, forged: 0, since: now };
    if (now - known.since >= 1_000) Object.assign(known, { forged: 0, since: now });
    if (this.#open >= maxOpen || known.open >= maxOpenOfAddress || known.forged >= maxForged) return false;
    this.#addresses.set(address, known);
    this.#open++;
    known.open++;
    return true;
  }

  leave(address: string, isForged: boolean): void {
    const known = this.#addresses.get(address);
    if (known === undefined) return;
    this.#open--;
    known.open--;
    if (isForged) known.forged++;
    if (known.open === 0 && known.forged === 0) this.#addresses.delete(address);
    else if (this.#addresses.size > 2 * maxOpen) this.#forget();
  }

  #forget(): void {
    for (const [address, { open }] of this.#addresses) if (open === 0) this.#addresses.delete(address);
  }
}
