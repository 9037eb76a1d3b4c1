import { emptyResponse, finds, respondAt, setHeader } from '../support/doctor.ts';

const withoutToken = { LINQ_INTEGRATION_TOKEN: '' };
const hourMs = 3_600_000;
const dated = (ms: number) => setHeader('date', new Date(Date.now() + ms).toUTCString());
const notFoundByGateway = emptyResponse(404, { 'x-request-id': 'of-the-gateway' });

finds(
  'tls',
  'unencrypted HTTP',
  { gateway: withoutToken, remote: true },
  /^FAIL tls plain HTTP: .*: put a TLS proxy in front/,
  'warn metrics',
  'note introspection',
);

finds('clock', 'a clock that is ahead', dated(hourMs), /^warn clock .* is 3[56]\d\d seconds ahead of .*: synchronize/);
finds('clock', 'a clock that is behind', dated(-hourMs), /^warn clock .* is 3[56]\d\d seconds behind .*: synchronize/);
finds('clock', 'a missing Date header', setHeader('date', ''), /^note clock responses have no Date header/);

finds(
  'livez',
  'a gateway that is shutting down',
  respondAt('/livez', emptyResponse(503)),
  /^FAIL livez returns 503: .*: its log says/,
);
finds(
  'readyz',
  'a gateway that is shutting down',
  respondAt('/readyz', emptyResponse(503)),
  /^FAIL readyz returns 503: .*: its log says/,
);
for (const name of ['livez', 'readyz']) {
  const missing = new RegExp(`^FAIL ${name} returns 404: run a version with /${name}`);
  finds(name, 'a gateway version without it', respondAt(`/${name}`, notFoundByGateway), missing);
  const blocked = new RegExp(`^warn ${name} returns 403, and not from the gateway: have the proxy forward /${name}`);
  finds(name, 'a proxy that blocks it', respondAt(`/${name}`, emptyResponse(403)), blocked);
}

finds(
  'readyz',
  'no response',
  { request: ({ path }) => (path === '/readyz' ? 'no response' : undefined), requestTimeoutMs: 2_000 },
  /^FAIL readyz not finished: TimeoutError: check the log/,
);

finds('metrics', 'an endpoint that fails', respondAt('/metrics', emptyResponse(503)), /^FAIL metrics returns 503: /);
finds(
  'metrics',
  'a public endpoint',
  { gateway: withoutToken, remote: true },
  /^warn metrics public: anyone can see .*: have the proxy forward \/metrics to your Prometheus only/,
  'FAIL tls',
  'note introspection',
);
