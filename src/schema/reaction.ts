import { knownReactions, type Reaction as ReactionModel } from '../datasources/model.ts';
import { builder } from './builder.ts';

export const Reaction = builder.objectRef<ReactionModel>('Reaction').implement({
  description: 'A reaction (tapback) to a message.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'The id of the reaction, such as `456`.' }),
    chatMessageId: t.exposeID('chatMessageId', {
      nullable: true,
      description:
        'The id of the message that the reaction belongs to, such as `224`. Null when Linq does not provide it.',
    }),
    reaction: t.exposeString('reaction', {
      nullable: true,
      description: `The kind of reaction. Passed through unchanged. Known values: ${knownReactions.map((word) => `\`${word}\``).join(', ')}; others may be added. Null when Linq does not provide it.`,
    }),
    isFromMe: t.exposeBoolean('isFromMe', {
      nullable: true,
      description:
        'True if your own Linq line reacted, false if another participant did. Null when Linq does not provide it.',
    }),
    fromPhone: t.exposeString('fromPhone', {
      nullable: true,
      description:
        'Who reacted: a phone number such as `+15551234567`, or an email address. Null when Linq does not provide it.',
    }),
    sentAt: t.expose('sentAt', {
      type: 'DateTime',
      nullable: true,
      description:
        'When the reaction was sent, such as `2025-05-21T15:30:00.000-05:00`. Null when Linq does not provide it.',
    }),
    createdAt: t.expose('createdAt', {
      type: 'DateTime',
      nullable: true,
      description:
        'When Linq created the record, such as `2025-05-21T15:30:00.000-05:00`. Null when Linq does not provide it.',
    }),
    updatedAt: t.expose('updatedAt', {
      type: 'DateTime',
      nullable: true,
      description:
        'When Linq last changed the record, such as `2025-05-21T15:30:00.000-05:00`. Null when Linq does not provide it.',
    }),
  }),
});
