/** A longer text is a piece of its own: joined with others it would be copied, to memory that is new each time. In characters. */
const maxJoined = 8_192;

/** A long text in pieces, of which only short ones are joined. */
export class TextPieces {
  readonly #pieces: string[] = [];
  /** The end of the text, which is not one of `#pieces` yet. */
  #last = '';

  add(text: string): void {
    if (text.length > maxJoined || this.#last.length > maxJoined) {
      if (this.#last !== '') this.#pieces.push(this.#last);
      this.#last = text;
    } else this.#last += text;
  }

  /** At least one. Nothing may be added afterwards. */
  end(): string[] {
    this.#pieces.push(this.#last);
    return this.#pieces;
  }
}

/** In UTF-8. */
export function bytesOf(pieces: readonly (string | Buffer)[]): number {
  let bytes = 0;
  for (const piece of pieces) bytes += Buffer.byteLength(piece);
  return bytes;
}
