import type { Target } from './baseline.ts';
import { type Finding, fail, ok, warn } from './finding.ts';

export const checkLivez = (target: Target) => probe(target, 'livez');
export const checkReadyz = (target: Target) => probe(target, 'readyz');

async function probe({ send }: Target, path: string): Promise<Finding> {
  const { status, headers } = await send({ path, anonymous: true });
  if (status === 200) return ok('returns 200');
  if (status === 503) {
    return fail('returns 503', 'the gateway is shutting down or cannot serve: its log says which');
  }
  if (headers['x-request-id'] === undefined) {
    return warn(
      `returns ${status}, and not from the gateway`,
      `have the proxy forward /${path}; if it is not public, run the doctor from the network of the load balancer`,
    );
  }
  if (status === 404) {
    return fail('returns 404', `run a version with /${path}: load balancers and orchestrators depend on it`);
  }
  return fail(`returns ${status}`, 'see "operations": load balancers and orchestrators get the same response');
}

export async function checkMetrics({ send, onLoopback }: Target): Promise<Finding> {
  const { status, text } = await send({ path: 'metrics', anonymous: true });
  if (status >= 500) {
    return fail(`returns ${status}`, 'check whether the gateway is shutting down, then try again');
  }
  if (status !== 200 || !/^# TYPE /m.test(text)) return ok(`not accessible from here (${status})`);
  if (onLoopback) return ok('accessible');
  return warn('public: anyone can see traffic and failures', 'have the proxy forward /metrics to your Prometheus only');
}
