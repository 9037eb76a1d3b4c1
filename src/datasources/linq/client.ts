import type { MessageCache } from '../cache/read-cache.ts';
import type { ChatMessage, MessageKey } from '../model.ts';
import { Breaker } from '../reads/breaker.ts';
import { Limiter } from '../reads/limiter.ts';
import { RetryBudget, StaleConnectionError, withRetries } from '../reads/retry.ts';
import { type Interest, type Reader, SingleFlight } from '../reads/single-flight.ts';
import type { Replicas } from '../redis/replicas.ts';
import type { Token } from '../token.ts';
import { UpstreamError } from '../upstream-error.ts';
import type { FollowCall, Outcome, UpstreamMeter } from '../upstream-metrics.ts';
import type { ReportDrift } from './drift.ts';
import { messagePath, readMessage } from './read-message.ts';
import { createTransport } from './transport.ts';

export interface LinqClientOptions {
  /** Scheme, host and port. */
  readonly origin: string;
  /** The whole of one read, and the most that a reader may ask for. In milliseconds. */
  readonly timeoutMs: number;
  readonly maxConcurrency: number;
  readonly maxQueue: number;
  readonly requestsPerSecond: number | undefined;
  readonly maxResponseBytes: number;
  /** The other processes that rates and pauses are kept with; undefined is none. */
  readonly replicas?: Replicas | undefined;
  /** Undefined keeps nothing. */
  readonly cache?: MessageCache | undefined;
  readonly meter: UpstreamMeter;
  readonly reportDrift: ReportDrift;
  /** Follows each call; not there where nobody wants to. */
  readonly follow?: FollowCall | undefined;
}

interface MessageReader extends Reader {
  /** For the log alone. */
  readonly requestId?: string;
  /** Whether to ask Linq whatever the cache holds. */
  readonly fresh?: boolean;
}

/** One for each process; one function for each route of Linq that we use. */
export interface LinqClient {
  /** Null when Linq knows no such message; rejects with an `UpstreamError`. Without a token it costs no call. */
  getMessage(key: MessageKey, token: Token | undefined, reader: MessageReader): Promise<ChatMessage | null>;
  /** Answers every reader with `cancelled`, ends the calls in flight and closes their connections. */
  close(): Promise<void>;
}

/** A 429 holds back the token's other reads for as long as it says, but no longer than this. In milliseconds. */
const longestPauseMs = 1_000;

export function createLinqClient(options: LinqClientOptions): LinqClient {
  const { timeoutMs, meter, reportDrift, replicas, cache, follow } = options;
  const transport = createTransport({
    origin: options.origin,
    connections: options.maxConcurrency,
    maxResponseBytes: options.maxResponseBytes,
    connectTimeoutMs: timeoutMs,
  });
  const flights = new SingleFlight<ChatMessage | null>(timeoutMs, () => meter.sharedFlight());
  const budget = new RetryBudget();
  const breaker = new Breaker(
    (error, elapsedMs) => verdictOn(error, elapsedMs, timeoutMs),
    (state) => meter.breaker(state),
  );
  const limiter = new Limiter({ ...options, permits: replicas, onAdmit: (waitedMs) => meter.queueWait(waitedMs) });
  replicas?.onPause((token, ms) => limiter.pause(token, Math.min(longestPauseMs, ms)));

  let freshReads = 0;

  /** A read, from the outside in: what a call meets is what it reads here, from top to bottom. */
  function getMessage(key: MessageKey, token: Token, reader: MessageReader): Promise<ChatMessage | null> {
    if (cache === undefined) {
      return flights.join({ token: token.digest, resource: messagePath(key) }, reader, (interest) =>
        askLinq(key, token, interest, reader),
      );
    }
    // Who wants it fresh joins nobody: a call that is under way may have been answered before that was asked.
    const resource = reader.fresh ? `${messagePath(key)} fresh ${++freshReads}` : messagePath(key);
    return flights.join({ token: token.digest, resource }, reader, async (interest) => {
      const kept = reader.fresh ? undefined : await cache.get(key, token);
      meter.cache(reader.fresh ? 'bypass' : kept === undefined ? 'miss' : 'hit');
      if (kept !== undefined) return kept;
      try {
        const message = await askLinq(key, token, interest, reader);
        if (message !== null) cache.set(key, token, message);
        else if (reader.fresh) cache.forget(key, token);
        return message;
      } catch (error) {
        const isRefused = error instanceof UpstreamError && /^(unauthorized|forbidden)$/.test(error.fault);
        if (reader.fresh && isRefused) cache.forget(key, token);
        throw error;
      }
    });
  }

  function askLinq(
    key: MessageKey,
    token: Token,
    interest: Interest,
    { requestId }: MessageReader,
  ): Promise<ChatMessage | null> {
    const report: ReportDrift = (path, kind) => reportDrift(path, kind, requestId);
    let sent = 0;
    return withRetries(
      () => {
        breaker.refuseIfOpen(); // before it waits in line
        return limiter.run(token.digest, interest, () =>
          breaker.run(() => {
            interest.ensureWanted();
            return attempt(key, token, interest, report, sent++);
          }),
        );
      },
      { budget, interest, onRetry: (reason) => meter.retry(reason) },
    );
  }

  async function attempt(
    key: MessageKey,
    token: Token,
    { signal }: Interest,
    report: ReportDrift,
    resends: number,
  ): Promise<ChatMessage | null> {
    const account = stopwatch();
    const ended = follow?.(resends);
    try {
      const message = await readMessage(transport.send, key, token, signal, report);
      const outcome = message === null ? 'missing' : 'found';
      meter.attempt(outcome, account());
      ended?.(outcome, message === null ? 404 : 200);
      return message;
    } catch (error) {
      const outcome = error instanceof StaleConnectionError ? 'stale' : faultOf(error);
      meter.attempt(outcome, account());
      ended?.(outcome, error instanceof UpstreamError ? error.status : undefined);
      if (error instanceof UpstreamError && error.fault === 'rate-limited') {
        const pauseMs = Math.min(longestPauseMs, error.retryAfterMs ?? longestPauseMs);
        limiter.pause(token.digest, pauseMs);
        replicas?.announcePause(token.digest, pauseMs);
      }
      throw error;
    }
  }

  return {
    async getMessage(key, token, reader) {
      const account = stopwatch();
      try {
        if (token === undefined) throw new UpstreamError('no-token');
        const message = await getMessage(key, token, reader);
        meter.read(message === null ? 'missing' : 'found', account());
        return message;
      } catch (error) {
        meter.read(faultOf(error), account());
        throw error;
      }
    },
    close() {
      flights.close();
      return transport.close();
    },
  };
}

/**
 * What an attempt says of the upstream. 4xx and unreadable bodies come from one that is up. A timeout counts only where
 * the attempt had a fair share of the time: a caller's short deadline, or a long wait in line, is not Linq's failure.
 */
function verdictOn(error: unknown, elapsedMs: number, timeoutMs: number): 'success' | 'failure' | 'neither' {
  if (!(error instanceof UpstreamError)) return 'neither';
  if (error.fault === 'cancelled') return 'neither';
  if (error.fault === 'timeout') return elapsedMs >= timeoutMs / 2 ? 'failure' : 'neither';
  return error.fault === 'unavailable' ? 'failure' : 'success';
}

function faultOf(error: unknown): Outcome {
  if (error instanceof UpstreamError) return error.fault;
  throw error; // a bug of ours, not an outcome
}

function stopwatch(): () => number {
  const startedAt = performance.now();
  return () => performance.now() - startedAt;
}
