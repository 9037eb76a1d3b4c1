import { type ChatParticipant as ChatParticipantModel, knownServices } from '../datasources/model.ts';
import { builder } from './builder.ts';

export const knownServicesText = `Passed through unchanged. Known values: ${knownServices.map((word) => `\`${word}\``).join(', ')}; others may be added.`;

export const ChatParticipant = builder.objectRef<ChatParticipantModel>('ChatParticipant').implement({
  description:
    'One address in a chat. The same person may be in it twice, with a phone number and an email address; your own line may be ' +
    'in it too.',
  fields: (t) => ({
    id: t.exposeID('id', {
      description: "The id of the participant's handle in the chat, such as `123`: the `chatHandleId` of messages.",
    }),
    address: t.exposeString('address', {
      nullable: true,
      description: 'A phone number such as `+15551234567`, or an email address. Null when Linq does not provide it.',
    }),
    service: t.exposeString('service', {
      nullable: true,
      description: `The service of this address. ${knownServicesText} Null when Linq does not provide it.`,
    }),
    joinedAt: t.expose('joinedAt', {
      type: 'DateTime',
      nullable: true,
      description:
        'When this address joined the chat, such as `2025-05-21T15:30:00.000-05:00`. Null when Linq does not provide it.',
    }),
  }),
});
