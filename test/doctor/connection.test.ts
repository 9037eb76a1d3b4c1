import { changeBodies, changeRequests, emptyResponse, finds, respondAt, setHeader } from '../support/doctor.ts';

const withoutToken = { LINQ_INTEGRATION_TOKEN: '' };
const notFoundByGateway = emptyResponse(404, { 'x-request-id': 'of-the-gateway' });

finds(
  'tls',
  'unencrypted HTTP',
  { gateway: withoutToken, remote: true },
  /^FAIL tls The address is plain HTTP, .*\. Put a TLS proxy in front/,
  'warn metrics',
);

finds(
  'livez',
  'a gateway that is shutting down',
  respondAt('/livez', emptyResponse(503)),
  /^FAIL livez \/livez returns 503\. .* see its log/,
);
finds(
  'readyz',
  'a gateway that is shutting down',
  respondAt('/readyz', emptyResponse(503)),
  /^FAIL readyz \/readyz returns 503\. .* see its log/,
);
for (const name of ['livez', 'readyz']) {
  const missing = new RegExp(`^FAIL ${name} /${name} returns 404\\. Run a version`);
  finds(name, 'a gateway version without it', respondAt(`/${name}`, notFoundByGateway), missing);
  const blocked = new RegExp(
    `^warn ${name} /${name} returns 403, and not from the gateway\\. Let the proxy forward it`,
  );
  finds(name, 'a proxy that blocks it', respondAt(`/${name}`, emptyResponse(403)), blocked);
}

finds(
  'readyz',
  'no response',
  { request: ({ path }) => (path === '/readyz' ? 'no response' : undefined), requestTimeoutMs: 2_000 },
  /^FAIL readyz Not finished: there was no response within 2 seconds\. Check the log/,
);

finds(
  'metrics',
  'an endpoint that fails',
  respondAt('/metrics', emptyResponse(503)),
  /^FAIL metrics \/metrics returns 503\. Check /,
);
finds(
  'metrics',
  'a public endpoint',
  { gateway: withoutToken, remote: true },
  /^warn metrics \/metrics is public, so anyone can see .*\. Let the proxy forward it to your Prometheus only/,
  'FAIL tls',
);

const webhook = (status: number, headers: Record<string, string> = {}) =>
  respondAt('/webhooks/linq', emptyResponse(status, headers));
finds(
  'webhooks',
  'an unsigned one that is accepted',
  webhook(200),
  /^FAIL webhooks An unsigned webhook is accepted \(200\)\. Check what is in front of the gateway\.$/,
);
finds(
  'webhooks',
  'a proxy that blocks them',
  webhook(403),
  /^note webhooks \/webhooks\/linq returns 403, and not from the gateway\. Linq's webhooks do not arrive\.$/,
);
finds(
  'webhooks',
  'a proxy that changes the method',
  {
    gateway: { LINQ_WEBHOOK_SECRETS: 'a-secret-of-the-webhooks' },
    ...changeRequests((request) => {
      if (request.path === '/webhooks/linq') request.method = 'GET';
    }),
  },
  /^warn webhooks An unsigned webhook returns 405, not 401\. Make sure that the proxy forwards POST \/webhooks\/linq/,
);

finds(
  'request-id',
  'missing ids',
  setHeader('x-request-id', undefined),
  /^FAIL request-id Responses have no x-request-id\. Let the proxy forward it/,
  'note webhooks',
);
finds(
  'request-id',
  'replaced ids',
  setHeader('x-request-id', 'another'),
  /^warn request-id A valid x-request-id is replaced\. Let the proxy forward the caller's/,
);

const isLong = ({ body }: { readonly body: string }) => body.includes('d'.repeat(500));
finds(
  'compression',
  'that it is off',
  { gateway: { COMPRESSION: 'false' } },
  /^note compression Long responses are not compressed: COMPRESSION is false, or a proxy does not forward/,
);
finds(
  'compression',
  'a proxy that changes compressed responses',
  {
    response(response, request) {
      if (isLong(request)) response.body = 'not compressed';
    },
  },
  /^FAIL compression A compressed response cannot be read\. Make sure that the proxy neither changes bodies/,
);
finds(
  'compression',
  'a proxy that cuts long responses',
  {
    ...changeRequests(({ headers }) => delete headers['accept-encoding']),
    ...changeBodies((text) => text.slice(0, 1_000)),
  },
  /^FAIL compression A long response does not arrive whole\. Make sure that the proxy/,
);
