import { finds, refuse, saying, sending } from '../support/doctor.ts';

const key = 'the-key-of-the-doctor';
const closed = { gateway: { GATEWAY_API_KEYS: key }, env: { GATEWAY_CREDENTIAL: `Bearer ${key}` } };
const openToAll = { gateway: { GATEWAY_ALLOW_ANONYMOUS: 'true' }, remote: true };
const remotely = ['FAIL tls', 'warn metrics', 'note introspection'];
const documents = new Map([['typename', '{ __typename }']]);

finds(
  'operations',
  'that a credential is needed',
  { gateway: { GATEWAY_API_KEYS: key } },
  /^note operations a credential is needed: set GATEWAY_CREDENTIAL/,
);
finds(
  'operations',
  'a wrong credential',
  { ...closed, gateway: { GATEWAY_API_KEYS: 'another-key' } },
  /^FAIL operations the credential of GATEWAY_CREDENTIAL is not accepted: send "Bearer "/,
);
finds('operations', 'trusted documents alone', { documents }, /^note operations only trusted documents are executed/);
finds(
  'operations',
  'a gateway for loopback that is reached by another name',
  { remote: true },
  /^FAIL operations refused under this name \(421\): .*: set GATEWAY_API_KEYS/,
  'FAIL tls',
  'FAIL livez',
  'FAIL readyz',
);
finds(
  'operations',
  'a gateway that is stopping',
  {
    request: ({ method }) => {
      const body = '{"errors":[{"message":"","extensions":{"code":"OVERLOADED","requestId":"x"}}]}';
      return method === 'POST' ? { ...refuse(503), body } : undefined;
    },
  },
  /^FAIL operations refused \(503\): see the log/,
  'FAIL headers',
  'FAIL request-id',
);

finds(
  'access',
  "anybody who may use the gateway's token",
  openToAll,
  /^FAIL access anybody reads .*: set GATEWAY_API_KEYS .* GATEWAY_ALLOW_ANONYMOUS unset/,
  ...remotely,
);
finds(
  'access',
  'the same where Linq does not accept that token',
  {
    ...openToAll,
    ...saying(
      (text) =>
        text.replace(/}$/, ',"errors":[{"extensions":{"code":"UNAUTHENTICATED","upstream":{},"requestId":"x"}}]}'),
      '9223372036854775807',
    ),
  },
  /^FAIL access anybody reads/,
  ...remotely,
);
finds(
  'access',
  'anybody who may send trusted documents',
  { ...openToAll, documents },
  /^warn access anybody may send the trusted documents: set GATEWAY_API_KEYS/,
  'FAIL tls',
  'warn metrics',
  'note operations',
);
finds(
  'access',
  'another gatekeeper',
  { ...closed, request: ({ headers }) => (headers.authorization === undefined ? refuse(403) : undefined) },
  /^FAIL access .* neither 401 nor a message: see what stands in front/,
  'warn livez',
  'warn readyz',
);
finds(
  'access',
  'a credential that is added to a GET',
  {
    ...closed,
    ...sending(({ method, headers }) => {
      if (method === 'GET' && headers.origin === undefined && headers['sec-fetch-site'] === undefined) {
        headers.authorization ??= `Bearer ${key}`;
      }
    }),
  },
  /^FAIL access a GET without a credential is answered 200, not 401: see what adds one/,
);
finds(
  'access',
  'a credential that takes the place of others',
  {
    ...closed,
    ...sending(({ headers }) => {
      if (headers.authorization !== undefined) headers.authorization = `Bearer ${key}`;
    }),
  },
  /^FAIL access a made-up JWT is answered 200, not 401: see what replaces it/,
);
finds(
  'access',
  'an issuer that is out of reach',
  {
    ...closed,
    gateway: {
      GATEWAY_API_KEYS: key,
      GATEWAY_JWKS_URL: 'http://127.0.0.1:1/',
      GATEWAY_JWT_ISSUER: 'https://issuer.example',
      GATEWAY_JWT_AUDIENCE: 'us',
    },
  },
  /^FAIL access JWTs cannot be checked \(503\): see whether the gateway reaches GATEWAY_JWKS_URL/,
);

finds(
  'rebinding',
  'a gateway that answers under any name',
  { gateway: { GATEWAY_ALLOW_ANONYMOUS: 'true' } },
  /^warn rebinding answered under any name, .*: leave GATEWAY_ALLOW_ANONYMOUS unset/,
);
