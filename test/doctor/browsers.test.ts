import { finds, header, saying, sending } from '../support/doctor.ts';
import type { Harm } from '../support/proxy.ts';

const graphiql = { gateway: { GRAPHIQL: 'true' } };
const policy = (change: (text: string) => string): Harm => ({
  answer({ headers }) {
    const given = headers['content-security-policy'];
    if (typeof given === 'string') headers['content-security-policy'] = change(given);
  },
});

finds(
  'cors',
  'any origin',
  header('access-control-allow-origin', '*'),
  /^FAIL cors a page of any origin may read answers: list the exact origins in CORS_ORIGINS/,
);
finds(
  'cors',
  'any origin that is given back, credentials included',
  {
    answer({ headers }, { headers: { origin } }) {
      if (origin === undefined) return;
      headers['access-control-allow-origin'] = origin;
      headers['access-control-allow-credentials'] = 'true';
    },
  },
  /^FAIL cors a page of any origin may read answers, with its cookies: list/,
);
finds(
  'cors',
  'the origin that files and sandboxed frames have',
  {
    answer({ headers }, { headers: { origin } }) {
      if (origin === 'null') headers['access-control-allow-origin'] = 'null';
    },
  },
  /^FAIL cors a page of any origin may read answers/,
);
finds(
  'cors',
  'a preflight that is answered to any origin',
  {
    answer({ headers }, { method }) {
      if (method === 'OPTIONS') headers['access-control-allow-origin'] = '*';
    },
  },
  /^FAIL cors a page of any origin may read answers/,
);

for (const name of ['sec-fetch-site', 'origin']) {
  finds(
    'foreign-get',
    `a proxy that drops ${name}`,
    sending(({ headers }) => delete headers[name]),
    new RegExp(`^FAIL foreign-get any page can run operations by GET: have the proxy pass on ${name}`),
  );
}
finds(
  'foreign-get',
  'a proxy that adds a header',
  sending(({ headers }) => {
    headers['x-request-id'] ??= 'added';
  }),
  /^FAIL foreign-get any page can run operations by GET: .* add no header of its own that needs a preflight/,
);

for (const type of ['application/x-www-form-urlencoded', 'multipart/form-data', 'text/plain']) {
  finds(
    'foreign-post',
    `${type} that is made JSON`,
    sending((request) => {
      if (!request.headers['content-type']?.startsWith(type)) return;
      request.headers['content-type'] = 'application/json';
      request.body = '{"query":"{ __typename }"}';
    }),
    new RegExp(`^FAIL foreign-post a body of type ${type} is executed, .*: have nothing change Content-Type`),
  );
}
finds(
  'foreign-post',
  'a body of no type that is taken for JSON',
  sending(({ method, headers }) => {
    if (method === 'POST') headers['content-type'] ??= 'application/json';
  }),
  /^FAIL foreign-post a body of no type is executed, .*: have nothing change Content-Type/,
  'warn http',
);

for (const [name, value] of [
  ['cache-control', 'no-store'],
  ['x-content-type-options', 'nosniff'],
] as const) {
  const line = new RegExp(`^FAIL headers answers lack ${name}: ${value}: have the proxy pass`);
  finds('headers', `answers without ${name}`, header(name, undefined), line);
}

finds(
  'graphiql',
  'a page without policy',
  { ...graphiql, ...header('content-security-policy', undefined) },
  /^FAIL graphiql the page has no content-security-policy: have the proxy pass/,
);
for (const [what, change] of [
  ['eval', (text) => text.replace('script-src', "script-src 'unsafe-eval'")],
  ['inline scripts', (text) => text.replace(/script-src [^;]*/, "script-src 'unsafe-inline'")],
  ['any script', (text) => text.replace(/(default|script)-src [^;]*;/g, '')],
  ['frames of others', (text) => text.replace(/frame-ancestors [^;]*/, 'frame-ancestors *')],
  ['foreign sources', (text) => text.replace('connect-src', 'connect-src https://elsewhere.example')],
] as [string, (text: string) => string][]) {
  const line = new RegExp(`^FAIL graphiql the content-security-policy of the page allows ${what}: have the proxy pass`);
  finds('graphiql', `a policy that allows ${what}`, { ...graphiql, ...policy(change) }, line);
}
finds(
  'graphiql',
  'a script from elsewhere',
  {
    ...graphiql,
    ...saying((text) => text.replace('<head>', '<head><script src="https://cdn.example/x.js"></script>')),
  },
  /^FAIL graphiql the page loads something from elsewhere: have the proxy pass/,
);
finds(
  'graphiql',
  'a page that everybody gets',
  { gateway: { GRAPHIQL: 'true', LINQ_INTEGRATION_TOKEN: '' }, remote: true },
  /^note graphiql served to anybody, and runs nothing but itself; GRAPHIQL=false leaves it out/,
  'FAIL tls',
  'warn metrics',
  'note introspection',
);
