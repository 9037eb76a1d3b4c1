/** Whether new messages appear by themselves. */
export const liveWords = {
  connecting: '',
  open: 'Live',
  lost: 'Connecting again …',
  refused: 'Not live: reload the page to see new messages.',
} as const;
export const missedWords = 'You may have missed something.';

/** Time limit for the head of the response. In milliseconds. */
const patienceMs = 5_000;
/** Time limit for the next bytes: the gateway sends a heartbeat every 12 seconds. In milliseconds. */
const silenceMs = 30_000;

/**
 * Fetches a stream, and calls `onOpen` when it is open: a query that starts after that misses no event. Fails when nothing
 * arrives for too long, as when the connection was lost without notice.
 */
export async function fetchStream(url: RequestInfo | URL, init: RequestInit, onOpen: () => void): Promise<Response> {
  const silence = new AbortController();
  let timer: number | undefined;
  const expectWithin = (ms: number) => {
    clearTimeout(timer);
    timer = window.setTimeout(() => silence.abort(), ms);
  };
  expectWithin(patienceMs);
  const signal = AbortSignal.any([init.signal, silence.signal].filter((each) => each != null));
  const response = await fetch(url, { ...init, signal }).finally(() => clearTimeout(timer));
  if (!response.ok || response.body === null) return response;
  onOpen();
  expectWithin(silenceMs);
  const heard = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      expectWithin(silenceMs);
      controller.enqueue(chunk);
    },
    flush: () => clearTimeout(timer),
  });
  return new Response(response.body.pipeThrough(heard), response);
}

/** Whether it helps to subscribe again: always, unless the gateway refuses the stream for good. */
export function isWorthRetrying(
  errors: readonly { readonly extensions?: { readonly [name: string]: unknown } }[],
): boolean {
  return errors.every(({ extensions }) => extensions?.['retryable'] === true);
}

/** How long to wait before subscribing again, random so that not all clients reconnect together. In milliseconds. */
export function reconnectDelay(): number {
  return 1_000 + 2_000 * Math.random();
}
