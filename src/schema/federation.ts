import { GraphQLScalarType, type GraphQLSchema, Kind, printSchema, type ValueNode } from 'graphql';
import { badUserInput } from '../errors/client-errors.ts';
import { builder } from './builder.ts';
import { ChatMessage } from './chat-message.ts';
import { perItem } from './per-item.ts';
import { messageKey } from './scalars.ts';
import { memoizeBySchema, withoutGatewayFields } from './subgraph.ts';

// By hand, since @pothos/plugin-federation does not run on graphql 17.
const link = 'extend schema @link(url: "https://specs.apollo.dev/federation/v2.3", import: ["@key", "@shareable"])';

/**
 * The directives of each type. All fields are shareable, so that another subgraph may provide or share some of them, or annotate
 * them with directives such as `@tag`. The keys that are not resolvable let another subgraph add fields to a type: the engine
 * gives it the id, and never asks this schema for an entity by it.
 */
const directives: Readonly<Record<string, string>> = {
  ChatMessage: '@key(fields: "chatId id") @shareable',
  Attachment: '@key(fields: "id", resolvable: false) @shareable',
  Reaction: '@key(fields: "id", resolvable: false) @shareable',
};

/** This schema as a subgraph of Federation 2, whose entity is a message. */
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
  types: [ChatMessage],
  resolveType: () => ChatMessage,
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
      'error when the message does not exist in Linq, and null with an error, whose path ends in the index of the ' +
      'item, when the message cannot be read.',
    args: {
      representations: t.arg({
        type: ['_Any'],
        required: true,
        description: 'The messages, by key. A repeated key is read once.',
      }),
    },
    extensions: { isRead: true },
    resolve: (_root, { representations }, { loaders }) =>
      perItem(loaders, representations, (representation, index) =>
        loaders.message(messageKey(keyOf(representation, index), `representations[${index}].`)),
      ),
  }),
}));

/** Anything may come as a representation; what names no message is `BAD_USER_INPUT` of that entity alone. */
function keyOf(representation: unknown, index: number): { chatId: string | number; id: string | number } {
  const { __typename, chatId, id } = (representation ?? {}) as Record<string, unknown>;
  if (__typename !== 'ChatMessage') throw badUserInput(`representations[${index}].__typename must be "ChatMessage".`);
  return {
    chatId: idOf(chatId, `representations[${index}].chatId`),
    id: idOf(id, `representations[${index}].id`),
  };
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
