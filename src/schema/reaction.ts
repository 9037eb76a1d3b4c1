import { knownReactions, type Reaction as ReactionModel } from '../datasources/model.ts';
import { builder } from './builder.ts';

export const Reaction = builder.objectRef<ReactionModel>('Reaction').implement({
  description: 'What one participant of a chat answered to a message with one tap.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'The id of the reaction, such as `456`.' }),
    chatMessageId: t.exposeID('chatMessageId', {
      nullable: true,
      description: 'The id of the message it answers, such as `224`. Null when Linq names none.',
    }),
    reaction: t.exposeString('reaction', {
      nullable: true,
      description: `Linq's own word, so far one of ${knownReactions.map((word) => `\`${word}\``).join(', ')}; new words may come. Null when Linq names none.`,
    }),
    isFromMe: t.exposeBoolean('isFromMe', {
      nullable: true,
      description: 'Whether your own Linq line reacted, rather than somebody else. Null when Linq does not say.',
    }),
    fromPhone: t.exposeString('fromPhone', {
      nullable: true,
      description:
        'Who reacted: a phone number such as `+15551234567`, or an e-mail address. Null when Linq names nobody.',
    }),
    sentAt: t.expose('sentAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it was sent, such as `2025-05-21T15:30:00.000-05:00`. Null when Linq does not say.',
    }),
    createdAt: t.expose('createdAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When Linq recorded it, such as `2025-05-21T15:30:00.000-05:00`. Null when Linq does not say.',
    }),
    updatedAt: t.expose('updatedAt', {
      type: 'DateTime',
      nullable: true,
      description:
        'When the record last changed, such as `2025-05-21T15:30:00.000-05:00`. Null when Linq does not say.',
    }),
  }),
});
