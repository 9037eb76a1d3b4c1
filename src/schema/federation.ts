import { GraphQLScalarType, type GraphQLSchema, Kind, printSchema, type ValueNode } from 'graphql';
import type { Target } from '../datasources/model.ts';
import { badUserInput } from '../errors/client-errors.ts';
import { builder } from './builder.ts';
import { Chat } from './chat.ts';
import { ChatMessage } from './chat-message.ts';
import { chatKey, messageKey } from './ids.ts';
import { readEach } from './resolve-read.ts';
import { memoizeBySchema, withoutGatewayFields } from './subgraph.ts';

// By hand, since @pothos/plugin-federation does not run on graphql 17.
const link = 'extend schema @link(url: "https://specs.apollo.dev/federation/v2.4", import: ["@key", "@shareable"])';

/**
 * The directives of each type. All fields are shareable, so that another subgraph may provide or share some of them, or annotate
 * them with directives such as `@tag`. The keys that are not resolvable let another subgraph add fields to a type: the engine
 * gives it the id, and never asks this schema for an entity by it.
 */
const directives: Readonly<Record<string, string>> = {
  Chat: '@key(fields: "id") @shareable',
  ChatParticipant: '@key(fields: "id", resolvable: false) @shareable',
  ChatMessage: '@key(fields: "chatId id") @shareable',
  ChatMessageConnection: '@shareable',
  ChatMessageEdge: '@shareable',
  ChatMessageEvent: '@shareable',
  PageInfo: '@shareable',
  Attachment: '@key(fields: "id", resolvable: false) @shareable',
  Reaction: '@key(fields: "id", resolvable: false) @shareable',
};

/** This schema as a subgraph of Federation 2, whose entities are chats and messages. */
export const federationSdl = memoizeBySchema((schema: GraphQLSchema) => {
  const sdl = printSchema(withoutGatewayFields(schema));
  const withDirectives = sdl.replace(/^type (\w+)(?= \{)/gm, (start, name: string) =>
    Object.hasOwn(directives, name) ? `${start} ${directives[name]}` : start,
  );
  return `${link}\n\n${withDirectives}\n`;
});

builder.addScalarType(
  '_Any',
  new GraphQLScalarType<unknown, never>({
    name: '_Any',
    description:
      'The representation of an entity: its `__typename` and its key, such as `{ __typename: "ChatMessage", chatId: 1, id: 224 }`.',
    coerceInputValue: (value) => value,
    parseValue: (value) => value,
    coerceInputLiteral: (node) => literal(node),
    parseLiteral: literal, // what Yoga's executor calls, with variables
  }),
);

const Service = builder.objectRef<{ sdl: string }>('_Service').implement({
  description: 'The definition of this subgraph, for a Federation 2 gateway.',
  fields: (t) => ({
    sdl: t.exposeString('sdl', { description: 'The SDL of this schema, with Federation 2 directives.' }),
  }),
});

const Entity = builder.unionType('_Entity', {
  description: 'The entities that other subgraphs can reference.',
  types: [Chat, ChatMessage],
  resolveType: (value) => ('chatId' in value ? 'ChatMessage' : 'Chat'),
});

builder.queryFields((t) => ({
  _service: t.field({
    type: Service,
    description:
      'The definition of this subgraph, for a Federation 2 gateway. Needs no Linq token and sends no request to Linq.',
    resolve: (_root, _args, _context, { schema }) => ({ sdl: federationSdl(schema) }),
  }),
  _entities: t.field({
    type: [Entity],
    nullable: { list: false, items: true },
    description:
      'The entities for `representations`, in their order, for a Federation 2 gateway. An item is null without an ' +
      'error when the chat or message does not exist in Linq, and null with an error, whose path ends in the index of ' +
      'the item, when it cannot be read.',
    args: {
      representations: t.arg({
        type: ['_Any'],
        required: true,
        description: 'The chats and messages, by key. A repeated key is read once.',
      }),
    },
    ...readEach({
      length: ({ representations }: { representations: readonly unknown[] }) => representations.length,
      target: (_root, { representations }, index) =>
        targetOf(representations[index] ?? {}, `representations[${index}].`),
    }),
  }),
}));

/** Anything may come as a representation; what names no entity is `BAD_USER_INPUT` of that entity alone. */
function targetOf(representation: object, prefix: string): Target<'chat' | 'message'> {
  const { __typename, chatId, id }: Readonly<Record<string, unknown>> = { ...representation };
  if (__typename === 'Chat') return { loader: 'chat', key: chatKey(idOf(id, `${prefix}id`), `${prefix}id`) };
  if (__typename !== 'ChatMessage') throw badUserInput(`${prefix}__typename must be "Chat" or "ChatMessage".`);
  const key = { chatId: idOf(chatId, `${prefix}chatId`), id: idOf(id, `${prefix}id`) };
  return { loader: 'message', key: messageKey(key, prefix) };
}

/** What is neither text nor an integer is no id either. */
function idOf(value: unknown, place: string): string | number {
  if (value === undefined || value === null) throw badUserInput(`${place} is missing.`);
  return typeof value === 'string' || Number.isSafeInteger(value)
    ? (value as string | number)
    : String(JSON.stringify(value));
}

/** Integers as their digits: a JavaScript number would lose some. */
function literal(node: ValueNode, variables?: Readonly<Record<string, unknown>> | null): unknown {
  if (node.kind === Kind.VARIABLE) return variables?.[node.name.value];
  if (node.kind === Kind.OBJECT) {
    return Object.fromEntries(node.fields.map(({ name, value }) => [name.value, literal(value, variables)]));
  }
  return 'value' in node ? node.value : undefined;
}
