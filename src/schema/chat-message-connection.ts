import { instantOf, positionOf } from '../datasources/message-position.ts';
import type {
  Chat,
  ChatMessageConnection as ConnectionModel,
  ChatMessageEdge as EdgeModel,
  MessagePageKey,
} from '../datasources/model.ts';
import { badUserInput } from '../errors/client-errors.ts';
import { builder } from './builder.ts';
import { Chat as ChatType } from './chat.ts';
import { ChatMessage } from './chat-message.ts';
import { PageInfo } from './page-info.ts';
import { readOne } from './resolve-read.ts';

/** The longest page. */
const maxSize = 100;
const defaultSize = 25;

const ChatMessageEdge = builder.objectRef<EdgeModel>('ChatMessageEdge').implement({
  description: 'A message on a page, with its cursor.',
  fields: (t) => ({
    cursor: t.exposeString('cursor', {
      description:
        'The place of the message in the chat, for `after` and `before`. Opaque. It stays valid when messages arrive or are deleted, ' +
        'this one included.',
    }),
    node: t.expose('node', { type: ChatMessage, description: 'The message.' }),
  }),
});

const ChatMessageConnection = builder.objectRef<ConnectionModel>('ChatMessageConnection').implement({
  description: 'A page of the messages of a chat.',
  fields: (t) => ({
    edges: t.expose('edges', {
      type: [ChatMessageEdge],
      description: 'The messages with their cursors, oldest first.',
    }),
    nodes: t.expose('nodes', { type: [ChatMessage], description: 'The messages, oldest first.' }),
    pageInfo: t.expose('pageInfo', { type: PageInfo, description: 'Where the page is in the chat.' }),
  }),
});

builder.objectField(ChatType, 'messages', (t) =>
  t.field({
    type: ChatMessageConnection,
    nullable: true,
    description:
      'A page of the messages, oldest first: the newest 25 without `first` and `last`. Page back through a chat with ' +
      '`messages(last: 25, before: $startCursor)`. Ordered by `sentAt`, then by id. Messages that Linq gives no `sentAt` are left ' +
      'out. Null without an error when Linq no longer knows the chat, and null with an error when the page could not be read.',
    args: {
      first: t.arg.int({
        description: 'The number of messages, from the oldest on: 1 to 100. Not together with `last`.',
      }),
      after: t.arg.string({ description: 'Only messages after this cursor, which is one of this chat.' }),
      last: t.arg.int({
        description: 'The number of messages, up to the newest: 1 to 100. Not together with `first`.',
      }),
      before: t.arg.string({ description: 'Only messages before this cursor, which is one of this chat.' }),
      sentSince: t.arg({
        type: 'DateTime',
        description: 'Only messages sent at this time or later, such as `2025-05-21T15:30:00.000-05:00`.',
      }),
      sentBefore: t.arg({
        type: 'DateTime',
        description: 'Only messages sent before this time, such as `2025-05-22T00:00:00.000-05:00`.',
      }),
    },
    ...readOne({ target: ({ id }: Chat, args: Arguments) => ({ loader: 'messages', key: pageKey(id, args) }) }),
  }),
);

interface Arguments {
  readonly first?: number | null | undefined;
  readonly after?: string | null | undefined;
  readonly last?: number | null | undefined;
  readonly before?: string | null | undefined;
  readonly sentSince?: string | null | undefined;
  readonly sentBefore?: string | null | undefined;
}

function pageKey(chatId: Chat['id'], { first, after, last, before, sentSince, sentBefore }: Arguments): MessagePageKey {
  if (isGiven(first) && isGiven(last)) throw badUserInput('first and last cannot be combined: give one of them.');
  return {
    chatId,
    direction: isGiven(first) ? 'forward' : 'backward',
    size: isGiven(first) ? sizeOf(first, 'first') : isGiven(last) ? sizeOf(last, 'last') : defaultSize,
    after: isGiven(after) ? cursor(after, chatId, 'after') : undefined,
    before: isGiven(before) ? cursor(before, chatId, 'before') : undefined,
    sentSince: isGiven(sentSince) ? time(sentSince, 'sentSince') : undefined,
    sentBefore: isGiven(sentBefore) ? time(sentBefore, 'sentBefore') : undefined,
  };
}

function isGiven<Value>(value: Value | null | undefined): value is Value {
  return value !== null && value !== undefined;
}

function sizeOf(value: number, argument: string): number {
  if (value >= 1 && value <= maxSize) return value;
  throw badUserInput(`${argument} must be a whole number from 1 to ${maxSize}, got ${value}.`);
}

function cursor(value: string, chatId: Chat['id'], argument: string) {
  const position = positionOf(value, chatId);
  if (position !== undefined) return position;
  throw badUserInput(
    `${argument} must be a cursor of chat ${chatId}: use startCursor, endCursor or the cursor of an edge.`,
  );
}

/** Messages are compared by whole milliseconds. */
function time(value: string, argument: string): number {
  const ms = instantOf(value, 'up');
  if (ms !== undefined) return ms;
  throw badUserInput(`${argument} must be an RFC 3339 date-time, such as 2025-05-21T15:30:00.000-05:00.`);
}
