import { changeRequests, finds, setHeader } from '../support/doctor.ts';

finds(
  'cors',
  'a wildcard origin',
  setHeader('access-control-allow-origin', '*'),
  /^FAIL cors Pages of any origin can read responses\. List the exact origins in CORS_ORIGINS/,
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
  /^FAIL cors Pages of any origin can read responses, with cookies\. List/,
);
finds(
  'cors',
  'the origin of files and sandboxed frames',
  {
    response({ headers }, { headers: { origin } }) {
      if (origin === 'null') headers['access-control-allow-origin'] = 'null';
    },
  },
  /^FAIL cors Pages of any origin can read responses/,
);
finds(
  'cors',
  'a preflight that allows any origin',
  {
    response({ headers }, { method }) {
      if (method === 'OPTIONS') headers['access-control-allow-origin'] = '*';
    },
  },
  /^FAIL cors Pages of any origin can read responses/,
);

for (const name of ['sec-fetch-site', 'origin']) {
  finds(
    'foreign-get',
    `a proxy that drops ${name}`,
    changeRequests(({ headers }) => delete headers[name]),
    new RegExp(`^FAIL foreign-get Any page can run operations by GET\\. Let the proxy forward ${name}`),
  );
}
finds(
  'foreign-get',
  'a proxy that adds a header',
  changeRequests(({ headers }) => {
    headers['x-request-id'] ??= 'added';
  }),
  /^FAIL foreign-get Any page can run operations by GET\. .* not add headers that would need a preflight/,
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
      `^FAIL foreign-post The gateway executes a body of type ${type}, .*\\. Make sure that no proxy changes Content-Type`,
    ),
  );
}
finds(
  'foreign-post',
  'a body without a content type that is read as JSON',
  changeRequests(({ method, headers }) => {
    if (method === 'POST') headers['content-type'] ??= 'application/json';
  }),
  /^FAIL foreign-post The gateway executes a body without a content type, .*\. Make sure that no proxy changes Content-Type/,
);

for (const [name, value] of [
  ['cache-control', 'no-store'],
  ['x-content-type-options', 'nosniff'],
] as const) {
  const line = new RegExp(`^FAIL headers Responses lack ${name}: ${value}\\. Let the proxy forward`);
  finds('headers', `responses without ${name}`, setHeader(name, undefined), line);
}
