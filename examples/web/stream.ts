/** Whether new messages appear by themselves. */
export const liveWords = {
  connecting: '',
  open: 'Live',
  lost: 'Connecting again …',
  refused: 'Not live: reload the page to see new messages.',
} as const;
export const missedWords = 'You may have missed something.';

/** How long a response may take to begin. In milliseconds. */
const patienceMs = 5_000;
/** How long a stream may be silent: the gateway sends a heartbeat every 12 seconds. In milliseconds. */
const silenceMs = 30_000;

/**
 * Fetches a stream, and calls `onOpen` when it has begun: what is queried from then on misses nothing. The stream breaks when it
 * is silent for too long, as where the way to the gateway is cut without notice.
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

/** Whether it helps to subscribe again: always, unless the gateway has said that it does not. */
export function isWorthRetrying(
  errors: readonly { readonly extensions?: { readonly [name: string]: unknown } }[],
): boolean {
  return errors.every(({ extensions }) => extensions?.['retryable'] === true);
}

/** When to subscribe again, not at the same moment as all others. In milliseconds. */
export function reconnectDelay(): number {
  return 1_000 + 2_000 * Math.random();
}
