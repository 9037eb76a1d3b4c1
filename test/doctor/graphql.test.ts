import { changeBodies, emptyResponse, finds } from '../support/doctor.ts';

const unknownField = '{"errors":[{"message":"","extensions":{"code":"GRAPHQL_VALIDATION_FAILED","requestId":"x"}}]}';
const hidden = { gateway: { INTROSPECTION: 'false' } };

finds(
  'http',
  'a failed audit of a MUST',
  { request: ({ headers }) => (/utf-8/.test(headers['content-type'] ?? '') ? emptyResponse(415) : undefined) },
  /^FAIL http audit BF61, MUST accept utf-8 encoded request: .*, got 415: check whether a proxy changes requests or responses/,
);
finds(
  'http',
  'failed audits of recommendations, of which it reports five',
  {
    response(response) {
      if (response.status === 400) response.status = 418;
    },
  },
  /^warn http \d\d more audits do not pass: /,
  ...Array.from({ length: 5 }, () => 'warn http'),
);

for (const [variable, value, sent] of [
  ['MAX_BODY_BYTES', '1000000', 'a body of 256 KiB'],
  ['MAX_TOKENS', '100000', '20,000 tokens'],
  ['MAX_DEPTH', '1000', '100 levels of fields'],
  ['MAX_ALIASES', '10000', '1,000 aliases'],
  ['MAX_DIRECTIVES', '10000', '300 directives'],
  ['MAX_READS_PER_OPERATION', '10000', '4,000 malformed keys'],
] as const) {
  const line = new RegExp(`^warn limits not refused: ${sent}: lower ${variable}, unless it is intentionally high$`);
  finds('limits', `a high ${variable}`, { gateway: { [variable]: value } }, line);
}

finds(
  'introspection',
  'public introspection',
  { gateway: { LINQ_INTEGRATION_TOKEN: '' }, remote: true },
  /^note introspection enabled for everyone; INTROSPECTION=false hides the schema/,
  'FAIL tls',
  'warn metrics',
);
finds(
  'introspection',
  'errors that suggest names from the schema',
  { ...hidden, ...changeBodies((text) => text.replace('."', '. Did you mean chatMessage?"'), 'chatMesage') },
  /^FAIL introspection disabled, but errors suggest names from the schema: run a version/,
);

for (const field of ['_sdl', '_service']) {
  finds(
    'larger-graphs',
    `a missing ${field}`,
    changeBodies(() => unknownField, `{ ${field}`),
    new RegExp(`^FAIL larger-graphs ${field} is missing: run a version that has it`),
  );
}
finds(
  'larger-graphs',
  'a schema that is disclosed although introspection is disabled',
  { ...hidden, ...changeBodies(() => '{"data":{"_sdl":"type Query"}}', '{ _sdl }') },
  /^FAIL larger-graphs _sdl discloses the schema although introspection is disabled: run a version/,
);
finds(
  'larger-graphs',
  'invalid SDL',
  changeBodies(() => '{"data":{"_sdl":"type {"}}', '{ _sdl }'),
  /^FAIL larger-graphs _sdl is not valid SDL: check whether a proxy changes responses/,
);
for (const [field, whole, broken] of [
  ['_sdl', 'ChatMessage @key', 'ChatMessage @other'],
  ['_sdl', '! @merge', '! @other'],
  ['_service', 'chatId id', 'id'],
] as const) {
  finds(
    'larger-graphs',
    `${field} without ${whole}`,
    changeBodies((text) => text.replace(whole, broken), `{ ${field}`),
    new RegExp(
      `^FAIL larger-graphs ${field} does not declare the key of ChatMessage: check whether a proxy changes responses`,
    ),
  );
}
finds(
  'larger-graphs',
  'a different version',
  changeBodies((text) => text.replace('isRead', 'wasRead'), '{ _service'),
  /^note larger-graphs _service differs from the version of this doctor: ChatMessage$/,
);

finds(
  'message',
  'a message that does not exist',
  { args: ['--message=404/1'] },
  /^warn message not found, using the Linq token of the gateway: pass an existing message/,
);
finds(
  'message',
  'a message that cannot be read',
  { args: ['--message=403/1'] },
  /^FAIL message failed, using the Linq token of the gateway: FORBIDDEN: see the error codes in docs\/errors\.md/,
);
