import type { Target } from './baseline.ts';
import { type Finding, fail, note, ok, warn } from './finding.ts';

export const checkLivez = (target: Target) => probe(target, 'livez');
export const checkReadyz = (target: Target) => probe(target, 'readyz');

async function probe({ send }: Target, path: string): Promise<Finding> {
  const { status, headers } = await send({ path, anonymous: true });
  if (status === 200) return ok(`/${path} returns 200.`);
  if (status === 503) {
    return fail(`/${path} returns 503.`, 'The gateway is shutting down or cannot serve: see its log.');
  }
  if (headers['x-request-id'] === undefined) {
    return warn(
      `/${path} returns ${status}, and not from the gateway.`,
      'Let the proxy forward it. If it is not public, run the doctor from the network of the load balancer.',
    );
  }
  if (status === 404) {
    return fail(
      `/${path} returns 404.`,
      'Run a version of the gateway that has it: load balancers and orchestrators need it.',
    );
  }
  return fail(
    `/${path} returns ${status}.`,
    'See "operations": load balancers and orchestrators get the same response.',
  );
}

export async function checkMetrics({ send, onLoopback }: Target): Promise<Finding> {
  const { status, text } = await send({ path: 'metrics', anonymous: true });
  if (status >= 500) {
    return fail(`/metrics returns ${status}.`, 'Check whether the gateway is shutting down, then try again.');
  }
  if (status !== 200 || !/^# TYPE /m.test(text)) return ok(`/metrics cannot be read from here (${status}).`);
  if (onLoopback) return ok('/metrics can be read on this machine.');
  return warn(
    '/metrics is public, so anyone can see traffic and failures.',
    'Let the proxy forward it to your Prometheus only.',
  );
}

/** Whether Linq's webhooks can reach the gateway, and unsigned ones are refused. */
export async function checkWebhooks({ send }: Target): Promise<Finding | []> {
  const headers = { 'content-type': 'application/json' };
  const webhook = { path: 'webhooks/linq', method: 'POST', headers, body: '{}', anonymous: true };
  const { status, headers: received } = await send(webhook);
  if (status >= 200 && status < 300) {
    return fail(`An unsigned webhook is accepted (${status}).`, 'Check what is in front of the gateway.');
  }
  if (status === 421) return []; // the host name, which "operations" reports
  if (received['x-request-id'] === undefined) {
    return note(`/webhooks/linq returns ${status}, and not from the gateway. Linq's webhooks do not arrive.`);
  }
  if (status === 401) return ok('/webhooks/linq refuses unsigned webhooks with 401.');
  if (status === 404) return ok('/webhooks/linq returns 404: LINQ_WEBHOOK_SECRETS is not set.');
  return warn(
    `An unsigned webhook returns ${status}, not 401.`,
    'Make sure that the proxy forwards POST /webhooks/linq with method, Content-Type and body unchanged.',
  );
}
