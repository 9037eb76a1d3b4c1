import { changeBodies, changeRequests, finds, setHeader } from '../support/doctor.ts';
import type { ProxyRules } from '../support/proxy.ts';

const graphiql = { gateway: { GRAPHIQL: 'true' } };
const policy = (change: (text: string) => string): ProxyRules => ({
  response({ headers }) {
    const current = headers['content-security-policy'];
    if (typeof current === 'string') headers['content-security-policy'] = change(current);
  },
});

finds(
  'cors',
  'a wildcard origin',
  setHeader('access-control-allow-origin', '*'),
  /^FAIL cors pages from any origin can read responses: list the exact origins in CORS_ORIGINS/,
);
finds(
  'cors',
  'any origin echoed, with credentials allowed',
  {
    response({ headers }, { headers: { origin } }) {
      if (origin === undefined) return;
      headers['access-control-allow-origin'] = origin;
      headers['access-control-allow-credentials'] = 'true';
    },
  },
  /^FAIL cors pages from any origin can read responses, with cookies: list/,
);
finds(
  'cors',
  'the origin of files and sandboxed frames',
  {
    response({ headers }, { headers: { origin } }) {
      if (origin === 'null') headers['access-control-allow-origin'] = 'null';
    },
  },
  /^FAIL cors pages from any origin can read responses/,
);
finds(
  'cors',
  'a preflight that allows any origin',
  {
    response({ headers }, { method }) {
      if (method === 'OPTIONS') headers['access-control-allow-origin'] = '*';
    },
  },
  /^FAIL cors pages from any origin can read responses/,
);

for (const name of ['sec-fetch-site', 'origin']) {
  finds(
    'foreign-get',
    `a proxy that drops ${name}`,
    changeRequests(({ headers }) => delete headers[name]),
    new RegExp(`^FAIL foreign-get any page can run operations by GET: have the proxy forward ${name}`),
  );
}
finds(
  'foreign-get',
  'a proxy that adds a header',
  changeRequests(({ headers }) => {
    headers['x-request-id'] ??= 'added';
  }),
  /^FAIL foreign-get any page can run operations by GET: .* not add headers that would need a preflight/,
);

for (const type of ['application/x-www-form-urlencoded', 'multipart/form-data', 'text/plain']) {
  finds(
    'foreign-post',
    `a proxy that changes ${type} to JSON`,
    changeRequests((request) => {
      if (!request.headers['content-type']?.startsWith(type)) return;
      request.headers['content-type'] = 'application/json';
      request.body = '{"query":"{ __typename }"}';
    }),
    new RegExp(
      `^FAIL foreign-post a body of type ${type} is executed, .*: make sure that no proxy changes Content-Type`,
    ),
  );
}
finds(
  'foreign-post',
  'a body without a content type that is read as JSON',
  changeRequests(({ method, headers }) => {
    if (method === 'POST') headers['content-type'] ??= 'application/json';
  }),
  /^FAIL foreign-post a body without a content type is executed, .*: make sure that no proxy changes Content-Type/,
  'warn http',
);

for (const [name, value] of [
  ['cache-control', 'no-store'],
  ['x-content-type-options', 'nosniff'],
] as const) {
  const line = new RegExp(`^FAIL headers responses lack ${name}: ${value}: have the proxy forward`);
  finds('headers', `responses without ${name}`, setHeader(name, undefined), line);
}

finds(
  'graphiql',
  'a page without a policy',
  { ...graphiql, ...setHeader('content-security-policy', undefined) },
  /^FAIL graphiql the page has no content-security-policy: have the proxy forward/,
);
for (const [what, change] of [
  ['eval', (text) => text.replace('script-src', "script-src 'unsafe-eval'")],
  ['inline scripts', (text) => text.replace(/script-src [^;]*/, "script-src 'unsafe-inline'")],
  ['any script', (text) => text.replace(/(default|script)-src [^;]*;/g, '')],
  ['framing by other sites', (text) => text.replace(/frame-ancestors [^;]*/, 'frame-ancestors *')],
  ['foreign sources', (text) => text.replace('connect-src', 'connect-src https://elsewhere.example')],
] as [string, (text: string) => string][]) {
  const line = new RegExp(
    `^FAIL graphiql the content-security-policy of the page allows ${what}: have the proxy forward`,
  );
  finds('graphiql', `a policy that allows ${what}`, { ...graphiql, ...policy(change) }, line);
}
finds(
  'graphiql',
  'a script from another origin',
  {
    ...graphiql,
    ...changeBodies((text) => text.replace('<head>', '<head><script src="https://cdn.example/x.js"></script>')),
  },
  /^FAIL graphiql the page loads resources from another origin: have the proxy forward/,
);
finds(
  'graphiql',
  'a public page',
  { gateway: { GRAPHIQL: 'true', LINQ_INTEGRATION_TOKEN: '' }, remote: true },
  /^note graphiql the page is public and runs only its own code; GRAPHIQL=false disables it/,
  'FAIL tls',
  'warn metrics',
  'note introspection',
);
