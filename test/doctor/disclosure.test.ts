import { createHash } from 'node:crypto';
import { changeBodies, finds, isOperationWith, setHeader } from '../support/doctor.ts';
import type { ProxyRules } from '../support/proxy.ts';

const key = 'the-key-of-the-doctor';

/** Copies a request header into a response header, for requests that match `where`. */
const echo = (
  name: string,
  where: (request: Parameters<NonNullable<ProxyRules['response']>>[1]) => boolean = () => true,
): ProxyRules => ({
  response({ headers }, request) {
    const value = request.headers[name];
    if (value !== undefined && where(request)) headers['x-echo'] = value;
  },
});

finds(
  'request-id',
  'missing ids',
  setHeader('x-request-id', undefined),
  /^FAIL request-id responses have no x-request-id: have the proxy forward it/,
);
finds(
  'request-id',
  'replaced ids',
  setHeader('x-request-id', 'another'),
  /^warn request-id a valid id is replaced: have the proxy forward the caller's x-request-id/,
);
finds(
  'request-id',
  'a malformed id that is returned',
  {
    response({ headers }, request) {
      headers['x-request-id'] = request.headers['x-request-id'] ?? 'x';
    },
  },
  /^FAIL request-id a malformed x-request-id is returned: log lines can be forged/,
);

finds(
  'leaks',
  'a Linq token in a header',
  echo('x-linq-integration-token'),
  /^FAIL leaks the response to POST \/graphql contains a made-up Linq token: check .*; renew what leaked/,
);
finds(
  'leaks',
  'a made-up credential in an error page',
  {
    response(response, { headers }) {
      if (response.status === 404) response.body = `not found for ${headers.authorization}`;
    },
  },
  /^FAIL leaks the response to GET \/doctor-\S+ contains a made-up JWT/,
);
finds(
  'leaks',
  'the real credential',
  {
    gateway: { GATEWAY_API_KEYS: key },
    env: { GATEWAY_CREDENTIAL: `Bearer ${key}` },
    ...echo('authorization', ({ headers }) => headers.authorization === `Bearer ${key}`),
  },
  /^FAIL leaks the response to POST \/graphql contains your credential/,
);
finds(
  'leaks',
  'the Linq token used to read the message',
  {
    args: ['--message=1/224'],
    env: { LINQ_INTEGRATION_TOKEN: 'the-token-of-the-doctor' },
    ...echo('x-linq-integration-token', (request) => isOperationWith(request, '"224"')),
  },
  /^FAIL leaks the response to POST \/graphql contains your Linq token/,
);
let digest = '';
finds(
  'leaks',
  'a digest in the metrics',
  {
    response(response, { path, headers }) {
      const token = headers['x-linq-integration-token'];
      if (typeof token === 'string') digest = createHash('sha256').update(token).digest('base64url');
      if (path === '/metrics') response.body += `calls{token="${digest}"} 1\n`;
    },
  },
  /^FAIL leaks the response to GET \/metrics contains a digest of a made-up Linq token/,
);

finds(
  'errors',
  'a stack trace',
  {
    response(response) {
      if (response.status === 404) response.body = 'Error: nothing there\n    at handle (/srv/app.js:10:12)\n';
    },
  },
  /^FAIL errors the response to GET \/doctor-\S+ contains a stack trace/,
);
finds(
  'errors',
  'a stack trace in JSON',
  changeBodies((text) => text.replace('"message":"', '"message":"Error\\n    at handle (/srv/app.js:10:12)')),
  /^FAIL errors the response to \w+ \/graphql contains a stack trace/,
);
finds(
  'errors',
  'unknown extensions',
  changeBodies((text) => text.replace('"retryable"', '"serviceName":"x","retryable"')),
  /^FAIL errors an error in the response to \w+ \/graphql has unknown extensions: serviceName/,
);
finds(
  'errors',
  'an error without a code',
  changeBodies((text) => text.replace('"code":"GRAPHQL_PARSE_FAILED",', '')),
  /^FAIL errors an error in the response to \w+ \/graphql lacks code or requestId/,
);

finds(
  'software',
  'an x-powered-by header',
  setHeader('x-powered-by', 'Express'),
  /^warn software response headers disclose software and its version \(x-powered-by\): have the proxy remove/,
);
finds(
  'software',
  'a server header with a version',
  setHeader('server', 'nginx/1.27.3'),
  /^warn software response headers disclose software and its version \(server\): have the proxy remove/,
);
