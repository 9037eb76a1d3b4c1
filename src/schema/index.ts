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

// Pothos gives an exposed field a resolver that does what graphql does without one. Without a resolver a field is known to be
// a property, which is what the fast path relies on.
for (const type of Object.values(schema.getTypeMap())) {
  if (!isObjectType(type)) continue;
  for (const field of Object.values(type.getFields())) {
    if (field.extensions['pothosExposedField'] === field.name) delete field.resolve;
  }
}
