import type { Chat as ChatModel } from '../datasources/model.ts';
import { builder } from './builder.ts';
import { ChatParticipant, knownServicesText } from './chat-participant.ts';
import { chatKey, idForm } from './ids.ts';
import { readEach, readOne } from './resolve-read.ts';

export const Chat = builder.objectRef<ChatModel>('Chat').implement({
  description: 'A conversation of one of your lines with one or more people.',
  directives: { key: { selectionSet: '{ id }' } },
  fields: (t) => ({
    id: t.exposeID('id', { description: 'The id of the chat, such as `1`.' }),
    displayName: t.exposeString('displayName', {
      nullable: true,
      description:
        'The name that a group was given, else the names or addresses of its participants, such as `John Doe, Jane Smith`. ' +
        'Null when Linq does not provide it.',
    }),
    service: t.exposeString('service', {
      nullable: true,
      description: `The service of the chat. ${knownServicesText} Null when Linq does not provide it.`,
    }),
    isGroup: t.exposeBoolean('isGroup', {
      nullable: true,
      description:
        'True if Linq calls the chat a group. Not computed from the number of participants. Null when Linq does not provide it.',
    }),
    messageCount: t.exposeInt('messageCount', {
      nullable: true,
      description:
        'The number of messages when the chat was read, such as `15`. Null when Linq does not provide it, or when it exceeds ' +
        '2147483647.',
    }),
    participants: t.expose('participants', {
      type: [ChatParticipant],
      description: "The addresses in the chat, in Linq's order. Empty when Linq provides none.",
    }),
  }),
});

builder.queryFields((t) => ({
  chat: t.field({
    type: Chat,
    nullable: true,
    description: 'One chat. Null when Linq knows no such chat, and, with an error, when it could not be read.',
    args: { id: t.arg.id({ required: true, description: `The id of the chat. ${idForm} \`1\`.` }) },
    ...readOne({ target: (_root, { id }: { id: string | number }) => ({ loader: 'chat', key: chatKey(id, 'id') }) }),
  }),
  chatsByIds: t.field({
    type: [Chat],
    nullable: { list: false, items: true },
    description:
      'Chats, in the order of `ids`. An item is null without an error when the chat does not exist in Linq, and null with an ' +
      'error, whose path ends in the index of the item, when the chat cannot be read. Intended for schema stitching.',
    args: {
      ids: t.arg.idList({ required: true, description: 'The ids of the chats. A repeated id is read once.' }),
    },
    directives: { merge: { keyField: 'id' } },
    ...readEach({
      length: ({ ids }: { ids: readonly (string | number)[] }) => ids.length,
      target: (_root, { ids }, index) => ({ loader: 'chat', key: chatKey(ids[index] ?? '', `ids[${index}]`) }),
    }),
  }),
}));
