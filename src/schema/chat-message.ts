import { type ChatMessage as ChatMessageModel, knownDeliveryStatuses } from '../datasources/model.ts';
import { Attachment } from './attachment.ts';
import { builder } from './builder.ts';
import { perItem } from './per-item.ts';
import { Reaction } from './reaction.ts';
import { messageKey } from './scalars.ts';

const idForm = 'A decimal integer from 1 to 9223372036854775807, such as';

export const ChatMessage = builder.objectRef<ChatMessageModel>('ChatMessage').implement({
  description: 'A message of a chat, sent or received, with its attachments and reactions.',
  directives: { key: { selectionSet: '{ chatId id }' } },
  fields: (t) => ({
    chatId: t.exposeID('chatId', { description: 'The id of the chat it was asked for in, such as `1`.' }),
    id: t.exposeID('id', { description: 'The id of the message, such as `224`. Unique only together with `chatId`.' }),
    text: t.exposeString('text', {
      nullable: true,
      description: 'What was written, such as `Hello, how are you?`. Null when the message is attachments alone.',
    }),
    sentAt: t.expose('sentAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it was sent, such as `2025-05-21T15:30:00.123-05:00`. Null when Linq does not say (yet).',
    }),
    deliveredAt: t.expose('deliveredAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it was delivered, such as `2025-05-21T15:30:05.456-05:00`. Null until then.',
    }),
    deliveryStatus: t.exposeString('deliveryStatus', {
      nullable: true,
      description: `Linq's own word, so far one of ${knownDeliveryStatuses.map((word) => `\`${word}\``).join(', ')}; new words may come. Null when Linq does not say.`,
    }),
    editedAt: t.expose('editedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When `text` was last edited, such as `2025-05-21T15:31:00.789-05:00`. Null when it never was.',
    }),
    isRead: t.exposeBoolean('isRead', {
      nullable: true,
      description: 'Whether Linq counts the message as read. Null when Linq does not say.',
    }),
    sentFrom: t.exposeString('sentFrom', {
      nullable: true,
      description:
        'The sender: a phone number such as `+15551234567`, or an e-mail address. Null when Linq names none.',
    }),
    chatHandleId: t.exposeID('chatHandleId', {
      nullable: true,
      description: "The sender's handle in the chat, such as `123`. Null when Linq names none.",
    }),
    attachments: t.expose('attachments', {
      type: [Attachment],
      description: 'The files sent with it, in the order Linq lists them. Empty when there are none.',
    }),
    reactions: t.expose('reactions', {
      type: [Reaction],
      description: 'The reactions to it, in the order Linq lists them. Empty when there are none.',
    }),
  }),
});

const ChatMessageKey = builder.inputType('ChatMessageKey', {
  description: 'What identifies a message.',
  fields: (t) => ({
    chatId: t.id({ required: true, description: `The id of the chat. ${idForm} \`1\`.` }),
    id: t.id({ required: true, description: `The id of the message. ${idForm} \`224\`.` }),
  }),
});

builder.queryType({
  description: 'Messages of Linq chats.',
  fields: (t) => ({
    chatMessage: t.field({
      type: ChatMessage,
      nullable: true,
      description:
        'One message of a chat. Null when Linq knows no such message, and, with an error, when it could not be read.',
      args: {
        chatId: t.arg.id({ required: true, description: `The id of the chat. ${idForm} \`1\`.` }),
        id: t.arg.id({ required: true, description: `The id of the message. ${idForm} \`224\`.` }),
      },
      extensions: { isRead: true },
      resolve: (_root, args, { loaders }) => loaders.message(messageKey(args)),
    }),
    chatMessagesByKeys: t.field({
      type: [ChatMessage],
      nullable: { list: false, items: true },
      description:
        'Many messages, in the order of the keys. An entry is null where Linq knows no such message, and, with an ' +
        'error whose path ends in its index, where it could not be read. Made for stitching.',
      args: {
        keys: t.arg({
          type: [ChatMessageKey],
          required: true,
          description: 'The messages to read; the same one twice costs one read.',
        }),
      },
      directives: { merge: { keyArg: 'keys' } },
      extensions: { isRead: true },
      resolve: (_root, { keys }, { loaders }) =>
        perItem(loaders, keys, (key, index) => loaders.message(messageKey(key, `keys[${index}].`))),
    }),
  }),
});
