import {
  type ChatMessage as ChatMessageModel,
  type Chat as ChatModel,
  type ChatParticipant as ChatParticipantModel,
  knownDeliveryStatuses,
} from '../datasources/model.ts';
import { Attachment } from './attachment.ts';
import { builder } from './builder.ts';
import { Chat } from './chat.ts';
import { ChatParticipant } from './chat-participant.ts';
import { idForm, messageKey } from './ids.ts';
import { Reaction } from './reaction.ts';
import { readEach, readOne } from './resolve-read.ts';

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
    chat: t.field({
      type: Chat,
      nullable: true,
      description: 'The chat of the message. Null, with an error, when it could not be read.',
      ...readOne({ target: chatOf }),
    }),
    sender: t.field({
      type: ChatParticipant,
      nullable: true,
      description:
        'The participant whose id is `chatHandleId`, or else whose address is `sentFrom`. Null when there is none. Reads the chat.',
      ...readOne({ target: chatOf, pick: senderOf }),
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

function chatOf({ chatId }: ChatMessageModel) {
  return { loader: 'chat' as const, key: { chatId } };
}

function senderOf(
  { participants }: ChatModel,
  { chatHandleId, sentFrom }: ChatMessageModel,
): ChatParticipantModel | null {
  const byHandle = participants.find(({ id }) => id === chatHandleId);
  return byHandle ?? participants.find(({ address }) => address !== null && address === sentFrom) ?? null;
}

type Key = Parameters<typeof messageKey>[0];

builder.queryType({
  description: 'Queries for Linq chats and their messages.',
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
      ...readOne({ target: (_root, args: Key) => ({ loader: 'message', key: messageKey(args) }) }),
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
      ...readEach({
        length: ({ keys }: { keys: readonly Key[] }) => keys.length,
        target: (_root, { keys }, index) => ({
          loader: 'message',
          key: messageKey(keys[index] as Key, `keys[${index}].`),
        }),
      }),
    }),
  }),
});
