import { type Finding, fail, note, ok, warn } from './finding.ts';
import type { Target } from './first-look.ts';

/** A renewal that has not come by then has failed. */
const leastDaysLeft = 14;
/** What a JWT or a `Retry-After` can bear. */
const mostSkewMs = 5_000;

export async function checkTls({ graphql, onLoopback, certificateEndsAt }: Target): Promise<Finding> {
  if (graphql.protocol === 'http:') {
    if (onLoopback) return ok('plain http, which nobody overhears on loopback');
    return fail('plain http: tokens and messages travel in the clear', 'put a proxy with TLS in front');
  }
  const end = certificateEndsAt()?.getTime() ?? 0;
  const days = Math.floor((end - Date.now()) / 86_400_000);
  if (days >= leastDaysLeft) return ok(`the certificate is good for ${days} more days`);
  return warn(`the certificate ends in ${days} days`, 'see why it was not renewed yet');
}

export async function checkClock({ answers }: Target): Promise<Finding> {
  const [first] = answers;
  const date = Date.parse(first?.headers['date'] ?? '');
  if (first === undefined || Number.isNaN(date)) return note('answers have no date, so the clock cannot be compared');
  const [from, to] = first.between;
  const skewMs = date > to ? date - to : date + 1_000 < from ? date + 1_000 - from : 0; // a date has whole seconds
  if (Math.abs(skewMs) <= mostSkewMs) return ok('the clock agrees with the one here, to a few seconds');
  return warn(
    `the clock is ${Math.round(Math.abs(skewMs) / 1_000)} seconds ${skewMs > 0 ? 'ahead of' : 'behind'} the one here`,
    'synchronize both: JWTs would be refused or outlive themselves, and waits for Linq come out wrong',
  );
}
