import type { UpstreamFault } from './upstream-error.ts';

/** `found` and `missing` are the two successful outcomes: a value, and Linq's 404. */
export type Outcome = 'found' | 'missing' | UpstreamFault;

/** `stale`: the kept-alive connection was dead before the call reached Linq. */
export type CallOutcome = Outcome | 'stale';

/** Why a call was sent again. */
export type RetryReason = 'stale-connection' | 'rate-limited' | 'unavailable';

export type BreakerState = 'closed' | 'open' | 'half-open';

/** How a body differs from its documentation at one path. */
export type DriftKind =
  | 'missing' // a documented field is absent
  | 'unknown' // a field that is not documented
  | 'type' // not the documented type
  | 'format' // the right type, but not a date-time or a UUID as documented
  | 'range' // an integer that does not fit
  | 'ignored'; // a parameter of the request that had no effect; the path is its name

/**
 * Receives the events of the data sources. `route` is the template of the route, such as `/chats/{chat_id}`. All values come
 * from closed sets, except the path of a drift, whose number is limited; nothing here identifies a caller, a message or a
 * token. Durations are in milliseconds.
 */
export interface UpstreamMetrics {
  /** A read, from the view of one waiter. */
  read(route: string, outcome: Outcome, durationMs: number): void;
  /** A call that was sent to Linq, from the time it got its slot to its end. */
  attempt(route: string, outcome: CallOutcome, durationMs: number): void;
  retry(route: string, reason: RetryReason): void;
  /** How long a call was queued: slot, rate and pause together. */
  queueWait(durationMs: number): void;
  breaker(state: BreakerState): void;
  /** A read that joined the call of another. */
  sharedFlight(route: string): void;
  /** A cache lookup; `bypass` is a read that skipped the cache. */
  cache(route: string, outcome: 'hit' | 'miss' | 'bypass'): void;
  /** `path` is that of the field, without indices, such as `data.attachments[].url`. */
  drift(route: string, path: string, kind: DriftKind): void;
}

/**
 * Called when a call is sent, `resends` being the number of calls sent before it for the same read. The function it returns
 * is called when the call ends, with the status of Linq's response if there was one.
 */
export type TraceCall = (route: string, resends: number) => (outcome: CallOutcome, status: number | undefined) => void;
