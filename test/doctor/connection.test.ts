import { at, finds, header, refuse } from '../support/doctor.ts';

const anybodysToken = { LINQ_INTEGRATION_TOKEN: '' };
const anHour = 3_600_000;
const dated = (ms: number) => header('date', new Date(Date.now() + ms).toUTCString());
const gatewaysOwn404 = refuse(404, { 'x-request-id': 'of-the-gateway' });

finds(
  'tls',
  'http that others can overhear',
  { gateway: anybodysToken, remote: true },
  /^FAIL tls plain http: .*: put a proxy with TLS in front/,
  'warn metrics',
  'note introspection',
);

finds('clock', 'one that is ahead', dated(anHour), /^warn clock .* is 3[56]\d\d seconds ahead of .*: synchronize/);
finds('clock', 'one that is behind', dated(-anHour), /^warn clock .* is 3[56]\d\d seconds behind .*: synchronize/);
finds('clock', 'none', header('date', ''), /^note clock answers have no date/);

finds('livez', 'a gateway that is stopping', at('/livez', refuse(503)), /^FAIL livez answers 503: .*: its log says/);
finds('readyz', 'a gateway that is stopping', at('/readyz', refuse(503)), /^FAIL readyz answers 503: .*: its log says/);
for (const name of ['livez', 'readyz']) {
  const older = new RegExp(`^FAIL ${name} answers 404: run a version that has /${name}`);
  finds(name, 'a gateway that does not know it', at(`/${name}`, gatewaysOwn404), older);
  const kept = new RegExp(`^warn ${name} answers 403, and it is not the gateway .*: have the proxy pass /${name} on`);
  finds(name, 'a proxy that keeps it', at(`/${name}`, refuse(403)), kept);
}

finds(
  'readyz',
  'silence',
  { request: ({ path }) => (path === '/readyz' ? 'silence' : undefined), patienceMs: 2_000 },
  /^FAIL readyz not finished: TimeoutError: see the log/,
);

finds('metrics', 'those that cannot be printed', at('/metrics', refuse(503)), /^FAIL metrics answers 503: /);
finds(
  'metrics',
  'those that anybody can read',
  { gateway: anybodysToken, remote: true },
  /^warn metrics anybody can read .*: have the proxy pass \/metrics on to your Prometheus alone/,
  'FAIL tls',
  'note introspection',
);
