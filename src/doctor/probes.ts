import { type Finding, fail, ok, warn } from './finding.ts';
import type { Target } from './first-look.ts';

export const checkLivez = (target: Target) => probe(target, 'livez');
export const checkReadyz = (target: Target) => probe(target, 'readyz');

async function probe({ ask }: Target, path: string): Promise<Finding> {
  const { status, headers } = await ask({ path, anonymous: true });
  if (status === 200) return ok('answers 200');
  if (status === 503) return fail('answers 503', 'the gateway is stopping or cannot serve: its log says which');
  if (headers['x-request-id'] === undefined) {
    return warn(
      `answers ${status}, and it is not the gateway that does`,
      `have the proxy pass /${path} on; if it is kept from the public, ask from where the balancer is`,
    );
  }
  if (status === 404) {
    return fail('answers 404', `run a version that has /${path}, which balancers and orchestrators go by`);
  }
  return fail(`answers ${status}`, 'see what "operations" says: balancers and orchestrators get the same');
}

export async function checkMetrics({ ask, onLoopback }: Target): Promise<Finding> {
  const { status, text } = await ask({ path: 'metrics', anonymous: true });
  if (status >= 500) return fail(`answers ${status}`, 'see whether the gateway is stopping; scrape it again');
  if (status !== 200 || !/^# TYPE /m.test(text)) return ok(`kept from here (${status})`);
  if (onLoopback) return ok('can be scraped');
  return warn(
    'anybody can read traffic and failures there',
    'have the proxy pass /metrics on to your Prometheus alone',
  );
}
