import { Agent, request } from 'node:http';
import { text } from 'node:stream/consumers';

export interface Answer {
  readonly data?: { readonly chatMessage: { readonly text: string } | null };
  readonly errors?: readonly { readonly extensions: { readonly code?: string; readonly retryAfterMs?: number } }[];
}

/** One read of a message through GraphQL; rejects when there is no answer in JSON. */
export async function read(
  origin: string,
  chatId: number,
  id: number,
  headers: Record<string, string> = {},
  agent?: Agent,
): Promise<Answer> {
  const outgoing = request(`${origin}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    ...(agent && { agent }),
  });
  const answered = new Promise<string>((resolve, reject) => {
    outgoing.once('response', (response) => text(response).then(resolve, reject));
    outgoing.once('error', reject);
  });
  outgoing.end(JSON.stringify({ query: `{ chatMessage(chatId: ${chatId}, id: ${id}) { text } }` }));
  return JSON.parse(await answered);
}

/** Callers that ask without pause, each on a connection of its own, and check what they get. */
export class Callers implements AsyncDisposable {
  readonly #agent = new Agent({ keepAlive: true });
  readonly #ends: Promise<void>[] = [];
  #stopped = false;
  #asked = 0;
  right = 0;
  wrong = 0;
  /** No answer, or none in JSON. */
  failed = 0;
  readonly reasons = new Map<string, number>();
  /** Errors by their code; `undefined` is one that has none. */
  readonly codes = new Map<string | undefined, number>();

  constructor(count: number, origin: string) {
    for (let caller = 0; caller < count; caller++) this.#ends.push(this.#run(origin));
  }

  async #run(origin: string): Promise<void> {
    while (!this.#stopped) {
      const id = ++this.#asked;
      try {
        const { data, errors } = await read(origin, 2, id, {}, this.#agent);
        if (errors === undefined) {
          if (data?.chatMessage?.text === `2/${id} for token`) this.right++;
          else this.wrong++;
          continue;
        }
        for (const { extensions } of errors)
          this.codes.set(extensions.code, (this.codes.get(extensions.code) ?? 0) + 1);
        await pause(Math.min(1_000, errors[0]?.extensions.retryAfterMs ?? 100)); // as a caller should
      } catch (error) {
        this.failed++;
        const reason = error instanceof Error ? `${error.message}` : 'unknown';
        this.reasons.set(reason, (this.reasons.get(reason) ?? 0) + 1);
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    this.#agent.destroy();
    await Promise.all(this.#ends);
  }
}

/** Lets time pass: a rate is a matter of time. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
