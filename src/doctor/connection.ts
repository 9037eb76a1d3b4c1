import type { Target } from './baseline.ts';
import { type Finding, fail, note, ok, warn } from './finding.ts';

/** Certificates are usually renewed earlier, so a shorter remaining time means that the renewal failed. */
const minDaysLeft = 14;
/** The largest clock difference that JWTs and `Retry-After` tolerate. */
const maxSkewMs = 5_000;

export async function checkTls({ graphql, onLoopback, certificateEndsAt }: Target): Promise<Finding> {
  if (graphql.protocol === 'http:') {
    if (onLoopback) return ok('plain HTTP, which is safe on loopback');
    return fail('plain HTTP: tokens and messages are sent unencrypted', 'put a TLS proxy in front of the gateway');
  }
  const end = certificateEndsAt()?.getTime() ?? 0;
  const days = Math.floor((end - Date.now()) / 86_400_000);
  if (days >= minDaysLeft) return ok(`the certificate is valid for ${days} more days`);
  return warn(`the certificate expires in ${days} days`, 'check why it has not been renewed');
}

export async function checkClock({ responses }: Target): Promise<Finding> {
  const [first] = responses;
  const date = Date.parse(first?.headers['date'] ?? '');
  if (first === undefined || Number.isNaN(date)) {
    return note('responses have no Date header, so the clock cannot be compared');
  }
  const { sentAt, receivedAt } = first;
  // A Date header has a resolution of one second.
  const skewMs = date > receivedAt ? date - receivedAt : date + 1_000 < sentAt ? date + 1_000 - sentAt : 0;
  if (Math.abs(skewMs) <= maxSkewMs) return ok('the clock agrees with that of this machine, within 5 seconds');
  return warn(
    `the clock is ${Math.round(Math.abs(skewMs) / 1_000)} seconds ${skewMs > 0 ? 'ahead of' : 'behind'} that of this machine`,
    'synchronize both: otherwise JWTs are accepted or refused at the wrong time, and the gateway waits for Linq too long or too briefly',
  );
}
