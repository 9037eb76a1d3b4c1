import autocannon from 'autocannon';
import { bodyOf } from './load.ts';
import type { Operation } from './operations.ts';

/** The 99th percentile of response times at `rate` requests a second from 32 clients, in milliseconds. */
export async function latency(url: string, operation: Operation, rate: number, seconds: number): Promise<number> {
  const { latency, errors, non2xx } = await autocannon({
    url,
    connections: 32,
    overallRate: rate,
    duration: seconds,
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    requests: [{ setupRequest: (request: object) => ({ ...request, body: bodyOf(operation) }) }],
  });
  if (errors + non2xx > 0) throw new Error(`${url}: ${errors + non2xx} bad answers`);
  return latency.p99;
}
