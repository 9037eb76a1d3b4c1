import { finds, refuse, saying } from '../support/doctor.ts';

const unknownField = '{"errors":[{"message":"","extensions":{"code":"GRAPHQL_VALIDATION_FAILED","requestId":"x"}}]}';
const hidden = { gateway: { INTROSPECTION: 'false' } };

finds(
  'http',
  'a MUST that does not hold',
  { request: ({ headers }) => (/utf-8/.test(headers['content-type'] ?? '') ? refuse(415) : undefined) },
  /^FAIL http audit BF61, MUST accept utf-8 encoded request: .*, got 415: see what changes requests or answers/,
);
finds(
  'http',
  'a recommendation that does not hold, or many, of which it tells five',
  {
    answer(answer) {
      if (answer.status === 400) answer.status = 418;
    },
  },
  /^warn http \d\d more audits do not pass: /,
  ...Array.from({ length: 5 }, () => 'warn http'),
);

for (const [variable, value, sent] of [
  ['MAX_BODY_BYTES', '1000000', '256 KiB of body'],
  ['MAX_TOKENS', '100000', '20,000 tokens'],
  ['MAX_DEPTH', '1000', '100 levels of fields'],
  ['MAX_ALIASES', '10000', '1,000 aliases'],
  ['MAX_DIRECTIVES', '10000', '300 directives'],
  ['MAX_MESSAGES_PER_OPERATION', '10000', '4,000 keys that are none'],
] as const) {
  const line = new RegExp(
    `^warn limits ${sent} are not refused: lower ${variable}, unless it is that high on purpose$`,
  );
  finds('limits', `a high ${variable}`, { gateway: { [variable]: value } }, line);
}

finds(
  'introspection',
  'a schema that everybody may explore',
  { gateway: { LINQ_INTEGRATION_TOKEN: '' }, remote: true },
  /^note introspection answered to anybody; INTROSPECTION=false hides the schema/,
  'FAIL tls',
  'warn metrics',
);
finds(
  'introspection',
  'names in answers to mistakes',
  { ...hidden, ...saying((text) => text.replace('."', '. Did you mean chatMessage?"'), 'chatMesage') },
  /^FAIL introspection refused, but mistakes are answered with names of the schema: run a version/,
);

for (const field of ['_sdl', '_service']) {
  finds(
    'larger-graphs',
    `no ${field}`,
    saying(() => unknownField, `{ ${field}`),
    new RegExp(`^FAIL larger-graphs ${field} is not answered: run a version that has it`),
  );
}
finds(
  'larger-graphs',
  'a text that tells what introspection does not',
  { ...hidden, ...saying(() => '{"data":{"_sdl":"type Query"}}', '{ _sdl }') },
  /^FAIL larger-graphs _sdl tells the schema, which introspection does not: run a version/,
);
finds(
  'larger-graphs',
  'a text that is no SDL',
  saying(() => '{"data":{"_sdl":"type {"}}', '{ _sdl }'),
  /^FAIL larger-graphs _sdl is no SDL: see what changes answers/,
);
for (const [field, whole, broken] of [
  ['_sdl', 'ChatMessage @key', 'ChatMessage @other'],
  ['_sdl', '! @merge', '! @other'],
  ['_service', 'chatId id', 'id'],
] as const) {
  finds(
    'larger-graphs',
    `${field} without ${whole}`,
    saying((text) => text.replace(whole, broken), `{ ${field}`),
    new RegExp(`^FAIL larger-graphs ${field} does not tell the key of ChatMessage: see what changes answers`),
  );
}
finds(
  'larger-graphs',
  'another version',
  saying((text) => text.replace('isRead', 'wasRead'), '{ _service'),
  /^note larger-graphs _service is that of another version than this doctor's: ChatMessage$/,
);

finds(
  'message',
  'one that Linq does not know',
  { args: ['--message=404/1'] },
  /^warn message not known to Linq, with the gateway's Linq token: name one that is there/,
);
finds(
  'message',
  'one that cannot be read',
  { args: ['--message=403/1'] },
  /^FAIL message not read, with the gateway's Linq token: FORBIDDEN: see what the README says of this code/,
);
