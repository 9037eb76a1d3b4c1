import type { IncomingMessage, RequestListener } from 'node:http';
import type { EventLog } from '../datasources/events/event-log.ts';
import { dropUnreadBody, hasEncodedBody, hasJsonBody } from '../http/body.ts';
import { setResponseHeaders } from '../http/headers.ts';
import type { Readiness } from '../http/readiness.ts';
import { requestIdOf } from '../http/request-id.ts';
import type { WebhookOutcome } from '../telemetry/metrics.ts';
import { AdmissionLimits } from './admission-limits.ts';
import { readBytes } from './body.ts';
import { readSignature } from './signature.ts';
import { readWebhook } from './webhook.ts';

interface WebhookOptions {
  /** Each counts, so that one can be replaced. */
  readonly secrets: readonly string[];
  readonly log: Pick<EventLog, 'append'>;
  readonly readiness: Readiness;
  readonly onOutcome: (outcome: WebhookOutcome) => void;
  /** Called for webhooks without a valid signature, at most once a minute. */
  readonly onUnsigned: () => void;
  /** Called with a bug of ours. */
  readonly onError: (error: Error) => void;
}

/** Every outcome that is no fault of the sender is a success to it, since it would only send the same again. */
const statuses: Readonly<Record<Exclude<WebhookOutcome, 'canceled'>, number>> = {
  admitted: 200,
  duplicate: 200,
  ignored: 200,
  outdated: 200,
  unusable: 200,
  malformed: 400,
  unsigned: 401,
  'wrong-method': 405,
  'too-slow': 408,
  'too-large': 413,
  'not-json': 415,
  'too-many': 429,
  unavailable: 503,
  failed: 500,
};

const warningMs = 60_000;

/**
 * Handles Linq's webhooks. The signature is their only credential: neither those of callers nor the Host header count. Responses
 * have no body, and nothing of a webhook is kept but its event.
 */
export function createWebhookEndpoint(options: WebhookOptions): RequestListener {
  const { secrets, log, readiness, onOutcome, onUnsigned, onError } = options;
  const limits = new AdmissionLimits();
  let warnedAt = Number.NEGATIVE_INFINITY;

  async function receive(req: IncomingMessage): Promise<WebhookOutcome> {
    if (req.method !== 'POST') return 'wrong-method';
    if (readiness.isClosed) return 'unavailable';
    if (!hasJsonBody(req) || hasEncodedBody(req)) return 'not-json';
    const isSigned = readSignature(req.headers['x-webhook-signature'], secrets);
    if (isSigned === undefined) return 'unsigned';
    const address = req.socket.remoteAddress ?? '';
    if (!limits.enter(address)) return 'too-many';
    let isForged = false;
    try {
      const body = await readBytes(req);
      if (typeof body === 'string') return body;
      isForged = !isSigned(body);
      if (isForged) return 'unsigned';
      const incoming = readWebhook(body, Date.now());
      return typeof incoming === 'string' ? incoming : await log.append(incoming);
    } finally {
      limits.leave(address, isForged);
    }
  }

  function warn(): void {
    const now = performance.now();
    if (now - warnedAt < warningMs) return;
    warnedAt = now;
    onUnsigned();
  }

  return async (req, res) => {
    setResponseHeaders(res, requestIdOf(req));
    const outcome = await receive(req).catch((error: Error): WebhookOutcome => {
      onError(error);
      return 'failed';
    });
    onOutcome(outcome);
    if (outcome === 'unsigned') warn();
    if (outcome === 'canceled') return;
    const status = statuses[outcome];
    readiness.closeWhenDraining(res);
    if (!req.complete) res.shouldKeepAlive = false;
    dropUnreadBody(req, res);
    if (status === 405) res.setHeader('allow', 'POST');
    if (status === 429 || status === 503) res.setHeader('retry-after', '1');
    res.writeHead(status, { 'content-length': 0 }).end();
  };
}
