import type { ChatMessageEvent as ChatMessageEventModel } from '../datasources/events/chat-message-event.ts';
import { badRequest, badUserInput } from '../errors/client-errors.ts';
import { builder } from './builder.ts';
import { ChatMessage } from './chat-message.ts';
import { chatKey, idForm } from './ids.ts';
import { declareBelow } from './resolve-read.ts';

const maxChats = 50;

const ChatMessageEventKind = builder.enumType('ChatMessageEventKind', {
  description: 'What happened.',
  values: {
    MESSAGE_SENT: { value: 'message.sent', description: 'A message was sent, also with an app of Linq.' },
    MESSAGE_RECEIVED: { value: 'message.received', description: 'A message was received.' },
    MESSAGE_READ: {
      value: 'message.read',
      description: 'A message was read. Messages before it may have been read too, without an event of their own.',
    },
    REACTION_SENT: { value: 'reaction.sent', description: 'A reaction to a message was sent.' },
    REACTION_RECEIVED: { value: 'reaction.received', description: 'A reaction to a message was received.' },
    GAP: {
      value: 'gap',
      description: 'Events may have been missed before this one: read again what you show. Not filtered by `kinds`.',
    },
  } as const,
});

const ChatMessageEvent = builder.objectRef<ChatMessageEventModel>('ChatMessageEvent').implement({
  description: 'Something that happened to a message, or a gap.',
  fields: (t) => ({
    cursor: t.exposeString('cursor', {
      description: 'The place of the event. Opaque. Pass it as `after` to continue after this event.',
    }),
    kind: t.expose('kind', { type: ChatMessageEventKind, description: 'What happened.' }),
    chatId: t.exposeID('chatId', { nullable: true, description: 'The id of the chat, such as `1`. Null for a gap.' }),
    messageId: t.exposeID('messageId', {
      nullable: true,
      description:
        'The id of the message, such as `224`; for a reaction, that of the message it is to. Null for a gap.',
    }),
    occurredAt: t.expose('occurredAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it happened, such as `2025-05-21T15:30:00-06:00`. Null for a gap.',
    }),
    message: t.field({
      type: ChatMessage,
      nullable: true,
      description:
        'The message as it is when the event is sent, read after the event. Null for a gap, when Linq does not know the ' +
        'message, and, with an error, when it could not be read.',
      resolve: ({ chatId, messageId }, _args, { loaders }, info) => {
        if (chatId === null || messageId === null) return null;
        const key = { chatId, id: messageId };
        return declareBelow(info, { loader: 'message', key }, loaders.message(key), loaders);
      },
    }),
  }),
});

builder.subscriptionType({
  description: 'Events of Linq chats.',
  fields: (t) => ({
    chatMessageEvents: t.field({
      type: ChatMessageEvent,
      description:
        'What happens to the messages of these chats from now on, or from after the event `after` on. Subscribe first, then query ' +
        'what is there: then nothing is missed in between. Sent as `text/event-stream` or `multipart/mixed;subscriptionSpec=1.0`. ' +
        'Ends with an error if one of the chats may not be read.',
      args: {
        chatIds: t.arg.idList({
          required: true,
          description: `The ids of 1 to ${maxChats} chats. Each: ${idForm[0]?.toLowerCase()}${idForm.slice(1)} \`1\`.`,
        }),
        kinds: t.arg({
          type: [ChatMessageEventKind],
          description: 'Only events of these kinds, and gaps. All if absent.',
        }),
        after: t.arg.string({
          description:
            'The `cursor` of an event: begins after it. Up to 1,000 events of the last 15 minutes are kept; if some of those since may ' +
            'be missing, a gap comes first.',
        }),
      },
      subscribe: async (_root, { chatIds, kinds, after }, { events }) => {
        if (events === undefined)
          throw badRequest(
            'There are no events without webhooks: the operator must set LINQ_WEBHOOK_SECRETS, or the option webhooks of createGateway.',
          );
        if (chatIds.length === 0) throw badUserInput('chatIds must not be empty.');
        if (kinds?.length === 0) throw badUserInput('kinds must not be empty: leave it out for all kinds.');
        const keys = new Set(chatIds.map((id, index) => chatKey(id, `chatIds[${index}]`).chatId));
        if (keys.size > maxChats)
          throw badUserInput(
            `chatIds must name at most ${maxChats} chats, got ${keys.size}. Open another stream for more.`,
          );
        return events.follow({ chatIds: [...keys], kinds: kinds ?? undefined, after: after ?? undefined });
      },
      resolve: (event) => event,
    }),
  }),
});
