import { createHash } from 'node:crypto';
import { asks, finds, header, saying } from '../support/doctor.ts';
import type { Harm } from '../support/proxy.ts';

const key = 'the-key-of-the-doctor';

/** Gives what came in one header back in another, where `where` says so. */
const echo = (
  name: string,
  where: (request: Parameters<NonNullable<Harm['answer']>>[1]) => boolean = () => true,
): Harm => ({
  answer({ headers }, request) {
    const value = request.headers[name];
    if (value !== undefined && where(request)) headers['x-echo'] = value;
  },
});

finds(
  'request-id',
  'ids that are lost',
  header('x-request-id', undefined),
  /^FAIL request-id answers have no x-request-id: have the proxy pass it on/,
);
finds(
  'request-id',
  'ids that are replaced',
  header('x-request-id', 'another'),
  /^warn request-id replaced on its way: have the proxy pass the caller's x-request-id on/,
);
finds(
  'request-id',
  'what is no id and comes back all the same',
  {
    answer({ headers }, request) {
      headers['x-request-id'] = request.headers['x-request-id'] ?? 'x';
    },
  },
  /^FAIL request-id what is no id is given back as x-request-id: log lines can be forged/,
);

finds(
  'leaks',
  'a Linq token in a header',
  echo('x-linq-integration-token'),
  /^FAIL leaks a made-up Linq token comes back in the answer to POST \/graphql: see .*; renew what leaked/,
);
finds(
  'leaks',
  'a made-up credential in a page of errors',
  {
    answer(answer, { headers }) {
      if (answer.status === 404) answer.body = `nothing for ${headers.authorization}`;
    },
  },
  /^FAIL leaks a made-up JWT comes back in the answer to GET \/doctor-/,
);
finds(
  'leaks',
  'the real credential',
  {
    gateway: { GATEWAY_API_KEYS: key },
    env: { GATEWAY_CREDENTIAL: `Bearer ${key}` },
    ...echo('authorization', ({ headers }) => headers.authorization === `Bearer ${key}`),
  },
  /^FAIL leaks your credential comes back in the answer to POST \/graphql/,
);
finds(
  'leaks',
  'the Linq token of the read',
  {
    args: ['--message=1/224'],
    env: { LINQ_INTEGRATION_TOKEN: 'the-token-of-the-doctor' },
    ...echo('x-linq-integration-token', (request) => asks(request, '"224"')),
  },
  /^FAIL leaks your Linq token comes back in the answer to POST \/graphql/,
);
let digest = '';
finds(
  'leaks',
  'a digest among the metrics',
  {
    answer(answer, { path, headers }) {
      const token = headers['x-linq-integration-token'];
      if (typeof token === 'string') digest = createHash('sha256').update(token).digest('base64url');
      if (path === '/metrics') answer.body += `calls{token="${digest}"} 1\n`;
    },
  },
  /^FAIL leaks a digest of a made-up Linq token comes back in the answer to GET \/metrics/,
);

finds(
  'errors',
  'a stack trace',
  {
    answer(answer) {
      if (answer.status === 404) answer.body = 'Error: nothing there\n    at handle (/srv/app.js:10:12)\n';
    },
  },
  /^FAIL errors a stack trace is in the answer to GET \/doctor-/,
);
finds(
  'errors',
  'a stack trace in JSON',
  saying((text) => text.replace('"message":"', '"message":"Error\\n    at handle (/srv/app.js:10:12)')),
  /^FAIL errors a stack trace is in the answer to \w+ \/graphql/,
);
finds(
  'errors',
  'extensions that nobody knows',
  saying((text) => text.replace('"retryable"', '"serviceName":"x","retryable"')),
  /^FAIL errors an error in the answer to \w+ \/graphql also tells serviceName/,
);
finds(
  'errors',
  'an error without its code',
  saying((text) => text.replace('"code":"GRAPHQL_PARSE_FAILED",', '')),
  /^FAIL errors an error in the answer to \w+ \/graphql lacks code or requestId/,
);

finds(
  'software',
  'a header that is there for nothing else',
  header('x-powered-by', 'Express'),
  /^warn software answers name software and its version \(x-powered-by\): have the proxy leave/,
);
finds(
  'software',
  'a server that tells its version',
  header('server', 'nginx/1.27.3'),
  /^warn software answers name software and its version \(server\): have the proxy leave/,
);
