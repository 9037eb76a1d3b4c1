import { type ChatMessage as ChatMessageModel, knownDeliveryStatuses } from '../datasources/model.ts';
import { Attachment } from './attachment.ts';
import { builder } from './builder.ts';
import { perItem } from './per-item.ts';
import { Reaction } from './reaction.ts';
import { messageKey } from './scalars.ts';

const idForm = 'A decimal integer from 1 to 9223372036854775807, such as';

export const ChatMessage = builder.objectRef<ChatMessageModel>('ChatMessage').implement({
  description: 'A message in a chat, sent or received, with its attachments and reactions.',
  directives: { key: { selectionSet: '{ chatId id }' } },
  fields: (t) => ({
    chatId: t.exposeID('chatId', { description: 'The id of the chat, as given in the query, such as `1`.' }),
    id: t.exposeID('id', { description: 'The id of the message, such as `224`. Unique only together with `chatId`.' }),
    text: t.exposeString('text', {
      nullable: true,
      description:
        'The text of the message, such as `Hello, how are you?`. Null when the message has only attachments.',
    }),
    sentAt: t.expose('sentAt', {
      type: 'DateTime',
      nullable: true,
      description:
        'When the message was sent, such as `2025-05-21T15:30:00.123-05:00`. Null while Linq does not provide it.',
    }),
    deliveredAt: t.expose('deliveredAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When the message was delivered, such as `2025-05-21T15:30:05.456-05:00`. Null until then.',
    }),
    deliveryStatus: t.exposeString('deliveryStatus', {
      nullable: true,
      description: `The delivery status. Passed through unchanged. Known values: ${knownDeliveryStatuses.map((word) => `\`${word}\``).join(', ')}; others may be added. Null when Linq does not provide it.`,
    }),
    editedAt: t.expose('editedAt', {
      type: 'DateTime',
      nullable: true,
      description:
        'When `text` was last edited, such as `2025-05-21T15:31:00.789-05:00`. Null when it was never edited.',
    }),
    isRead: t.exposeBoolean('isRead', {
      nullable: true,
      description: 'True if Linq reports the message as read. Null when Linq does not provide it.',
    }),
    sentFrom: t.exposeString('sentFrom', {
      nullable: true,
      description:
        'The sender: a phone number such as `+15551234567`, or an email address. Null when Linq does not provide it.',
    }),
    chatHandleId: t.exposeID('chatHandleId', {
      nullable: true,
      description: "The id of the sender's handle in the chat, such as `123`. Null when Linq does not provide it.",
    }),
    attachments: t.expose('attachments', {
      type: [Attachment],
      description: "The files sent with the message, in Linq's order. Empty when there are none.",
    }),
    reactions: t.expose('reactions', {
      type: [Reaction],
      description: "The reactions to the message, in Linq's order. Empty when there are none.",
    }),
  }),
});

const ChatMessageKey = builder.inputType('ChatMessageKey', {
  description: 'The key of a message.',
  fields: (t) => ({
    chatId: t.id({ required: true, description: `The id of the chat. ${idForm} \`1\`.` }),
    id: t.id({ required: true, description: `The id of the message. ${idForm} \`224\`.` }),
  }),
});

builder.queryType({
  description: 'Queries for messages in Linq chats.',
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
        'Messages, in the order of `keys`. An item is null without an error when the message does not exist in Linq, ' +
        'and null with an error, whose path ends in the index of the item, when the message cannot be read. Intended ' +
        'for schema stitching.',
      args: {
        keys: t.arg({
          type: [ChatMessageKey],
          required: true,
          description: 'The keys of the messages. A repeated key is read once.',
        }),
      },
      directives: { merge: { keyArg: 'keys' } },
      extensions: { isRead: true },
      resolve: (_root, { keys }, { loaders }) =>
        perItem(loaders, keys, (key, index) => loaders.message(messageKey(key, `keys[${index}].`))),
    }),
  }),
});
