import { isObjectType } from 'graphql';
import { builder } from './builder.ts';
import './chat.ts';
import './chat-message.ts';
import './chat-message-connection.ts';
import './chat-message-event.ts';
import './date-time.ts';
import './federation.ts';
import './stitching.ts';

export const schema = builder.toSchema({ sortSchema: false });

schema.description = `Messages of Linq chats.

**Token.** Linq needs an integration token. Send it in the header \`X-LINQ-INTEGRATION-TOKEN\`, unless the gateway has its own.

**Try it.** In the sandbox, no token is needed. Chat \`1\` has the message \`224\` of Linq's documentation, chat \`2\` the messages \`1\` to \`1000000\`. The chats \`403\`, \`404\`, \`429\`, \`500\`, \`502\` and \`504\` show that failure of Linq; of \`429\` and \`502\` the message comes after a retry.

**Errors.** Programs branch on \`extensions.code\`. Each code is explained in docs/errors.md.`;

// Pothos gives an exposed field a resolver that does what graphql does without one. Without a resolver a field is known to be
// a property, which is what the fast path relies on.
for (const type of Object.values(schema.getTypeMap())) {
  if (!isObjectType(type)) continue;
  for (const field of Object.values(type.getFields())) {
    if (field.extensions['pothosExposedField'] === field.name) delete field.resolve;
  }
}
