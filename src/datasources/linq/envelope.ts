import type { ReportDrift } from '../reads/route.ts';
import { UpstreamError } from '../upstream-error.ts';
import type { DriftKind } from '../upstream-metrics.ts';
import { isRecord, lostDigits, type Raw } from './fields.ts';
import { reviveLarge } from './lossless-json.ts';

/**
 * Reads a body of the form `{ "data": … }`. `decode` throws `lostDigits` at an integer so large that it may have lost digits:
 * only then is the body parsed a second time, with such integers as BigInt. Fails with `bad-response` for a body that is
 * not JSON or has no envelope, without a cause: the parser's message quotes the body.
 */
export function decodeEnvelope<Value>(
  body: string,
  decode: (data: Raw, report: ReportDrift) => Value,
  report: ReportDrift,
): Value {
  return decodeBody(body, ({ data }, collect) => decode(isRecord(data) ? data : notAsDocumented(), collect), report);
}

/** Reads a body of the form `{ "data": […], "meta": … }` in the same way. */
export function decodeListEnvelope<Value>(
  body: string,
  decode: (data: readonly unknown[], meta: unknown, report: ReportDrift) => Value,
  report: ReportDrift,
): Value {
  return decodeBody(
    body,
    ({ data, meta }, collect) => decode(Array.isArray(data) ? data : notAsDocumented(), meta, collect),
    report,
  );
}

function decodeBody<Value>(
  body: string,
  decode: (envelope: Raw, report: ReportDrift) => Value,
  report: ReportDrift,
): Value {
  const text = body.charCodeAt(0) === 0xfeff ? body.slice(1) : body; // a byte order mark
  let drifts: [path: string, kind: DriftKind][] = [];
  const collect: ReportDrift = (path, kind) => drifts.push([path, kind]);
  try {
    return decode(envelopeOf(text, JSON.parse), collect);
  } catch (error) {
    if (error !== lostDigits) throw error;
    drifts = []; // they are reported again
    return decode(envelopeOf(text, parseLarge), collect);
  } finally {
    for (const [path, kind] of drifts) report(path, kind);
  }
}

/** Parses large integers as BigInt. Throws when the body is nested too deeply for that. */
function parseLarge(text: string): unknown {
  return reviveLarge(text, (source) => (/^-?\d{1,40}$/.test(source) ? BigInt(source) : Number.NaN));
}

function envelopeOf(text: string, parse: (text: string) => unknown): Raw {
  let parsed: unknown;
  try {
    parsed = parse(text);
  } catch {
    return notAsDocumented();
  }
  return isRecord(parsed) ? parsed : notAsDocumented();
}

function notAsDocumented(): never {
  throw new UpstreamError('bad-response', { status: 200 });
}
