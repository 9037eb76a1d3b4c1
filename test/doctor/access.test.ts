import { changeBodies, changeRequests, emptyResponse, finds } from '../support/doctor.ts';

const key = 'the-key-of-the-doctor';
const closed = { gateway: { GATEWAY_API_KEYS: key }, env: { GATEWAY_CREDENTIAL: `Bearer ${key}` } };
const publicGateway = { gateway: { GATEWAY_ALLOW_ANONYMOUS: 'true' }, remote: true };
const alsoPublic = ['FAIL tls', 'warn metrics'];
const documents = new Map([['typename', '{ __typename }']]);

finds(
  'operations',
  'a missing credential',
  { gateway: { GATEWAY_API_KEYS: key } },
  /^note operations The gateway requires a credential\. Set GATEWAY_CREDENTIAL/,
);
finds(
  'operations',
  'a wrong credential',
  { ...closed, gateway: { GATEWAY_API_KEYS: 'another-key' } },
  /^FAIL operations The gateway does not accept the credential in GATEWAY_CREDENTIAL\. Use "Bearer "/,
);
finds(
  'operations',
  'a gateway that executes only trusted documents',
  { documents },
  /^note operations The gateway executes trusted documents only\./,
);
finds(
  'operations',
  'a loopback-only gateway reached by another host name',
  { remote: true },
  /^FAIL operations The gateway refuses this host name \(421\), .*\. Set GATEWAY_API_KEYS/,
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
  /^FAIL operations The gateway refuses operations \(503\)\. Check its log/,
  'note webhooks',
  'FAIL headers',
  'FAIL request-id',
);

finds(
  'access',
  "that anyone can use the gateway's token",
  publicGateway,
  /^FAIL access Anyone can read .*\. Set GATEWAY_API_KEYS .* GATEWAY_ALLOW_ANONYMOUS unset/,
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
  /^FAIL access Anyone can read/,
  ...alsoPublic,
);
finds(
  'access',
  'that anyone can send trusted documents',
  { ...publicGateway, documents },
  /^warn access Anyone can send the trusted documents\. Set GATEWAY_API_KEYS/,
  'FAIL tls',
  'warn metrics',
  'note operations',
);
finds(
  'access',
  'a proxy that refuses requests itself',
  { ...closed, request: ({ headers }) => (headers.authorization === undefined ? emptyResponse(403) : undefined) },
  /^FAIL access .* neither 401 nor a message\. Check what is in front/,
  'warn livez',
  'warn readyz',
  'note webhooks',
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
  /^FAIL access A GET without a credential returns 200, not 401\. Check whether a proxy adds/,
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
  /^FAIL access An invalid JWT returns 200, not 401\. Check whether a proxy replaces/,
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
  /^FAIL access The gateway cannot verify JWTs \(503\)\. Check whether it can reach GATEWAY_JWKS_URL/,
);

finds(
  'rebinding',
  'a gateway that accepts every host name',
  { gateway: { GATEWAY_ALLOW_ANONYMOUS: 'true' } },
  /^warn rebinding Every host name is accepted, .*\. Leave GATEWAY_ALLOW_ANONYMOUS unset/,
);
