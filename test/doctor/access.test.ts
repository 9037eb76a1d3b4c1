import { changeBodies, changeRequests, emptyResponse, finds } from '../support/doctor.ts';

const key = 'the-key-of-the-doctor';
const closed = { gateway: { GATEWAY_API_KEYS: key }, env: { GATEWAY_CREDENTIAL: `Bearer ${key}` } };
const publicGateway = { gateway: { GATEWAY_ALLOW_ANONYMOUS: 'true' }, remote: true };
const alsoPublic = ['FAIL tls', 'warn metrics', 'note introspection'];
const documents = new Map([['typename', '{ __typename }']]);

finds(
  'operations',
  'a missing credential',
  { gateway: { GATEWAY_API_KEYS: key } },
  /^note operations a credential is required: set GATEWAY_CREDENTIAL/,
);
finds(
  'operations',
  'a wrong credential',
  { ...closed, gateway: { GATEWAY_API_KEYS: 'another-key' } },
  /^FAIL operations the credential in GATEWAY_CREDENTIAL is not accepted: use "Bearer "/,
);
finds(
  'operations',
  'a gateway that executes only trusted documents',
  { documents },
  /^note operations only trusted documents are executed/,
);
finds(
  'operations',
  'a loopback-only gateway reached by another host name',
  { remote: true },
  /^FAIL operations refused for this host name \(421\): .*: set GATEWAY_API_KEYS/,
  'FAIL tls',
  'FAIL livez',
  'FAIL readyz',
);
finds(
  'operations',
  'a gateway that is shutting down',
  {
    request: ({ method }) => {
      const body = '{"errors":[{"message":"","extensions":{"code":"OVERLOADED","requestId":"x"}}]}';
      return method === 'POST' ? { ...emptyResponse(503), body } : undefined;
    },
  },
  /^FAIL operations refused \(503\): check the log/,
  'FAIL headers',
  'FAIL request-id',
);

finds(
  'access',
  "that anyone can use the gateway's token",
  publicGateway,
  /^FAIL access anyone can read .*: set GATEWAY_API_KEYS .* GATEWAY_ALLOW_ANONYMOUS unset/,
  ...alsoPublic,
);
finds(
  'access',
  'the same when Linq rejects that token',
  {
    ...publicGateway,
    ...changeBodies(
      (text) =>
        text.replace(/}$/, ',"errors":[{"extensions":{"code":"UNAUTHENTICATED","upstream":{},"requestId":"x"}}]}'),
      '9223372036854775807',
    ),
  },
  /^FAIL access anyone can read/,
  ...alsoPublic,
);
finds(
  'access',
  'that anyone can send trusted documents',
  { ...publicGateway, documents },
  /^warn access anyone can send the trusted documents: set GATEWAY_API_KEYS/,
  'FAIL tls',
  'warn metrics',
  'note operations',
);
finds(
  'access',
  'a proxy that refuses requests itself',
  { ...closed, request: ({ headers }) => (headers.authorization === undefined ? emptyResponse(403) : undefined) },
  /^FAIL access .* neither 401 nor a message: check what is in front/,
  'warn livez',
  'warn readyz',
);
finds(
  'access',
  'a proxy that adds a credential to a GET',
  {
    ...closed,
    ...changeRequests(({ method, headers }) => {
      if (method === 'GET' && headers.origin === undefined && headers['sec-fetch-site'] === undefined) {
        headers.authorization ??= `Bearer ${key}`;
      }
    }),
  },
  /^FAIL access a GET without a credential returns 200, not 401: check whether a proxy adds/,
);
finds(
  'access',
  'a proxy that replaces the credential',
  {
    ...closed,
    ...changeRequests(({ headers }) => {
      if (headers.authorization !== undefined) headers.authorization = `Bearer ${key}`;
    }),
  },
  /^FAIL access an invalid JWT returns 200, not 401: check whether a proxy replaces/,
);
finds(
  'access',
  'an unreachable JWT issuer',
  {
    ...closed,
    gateway: {
      GATEWAY_API_KEYS: key,
      GATEWAY_JWKS_URL: 'http://127.0.0.1:1/',
      GATEWAY_JWT_ISSUER: 'https://issuer.example',
      GATEWAY_JWT_AUDIENCE: 'us',
    },
  },
  /^FAIL access JWTs cannot be verified \(503\): check whether the gateway can reach GATEWAY_JWKS_URL/,
);

finds(
  'rebinding',
  'a gateway that accepts every host name',
  { gateway: { GATEWAY_ALLOW_ANONYMOUS: 'true' } },
  /^warn rebinding every host name is accepted, .*: leave GATEWAY_ALLOW_ANONYMOUS unset/,
);
