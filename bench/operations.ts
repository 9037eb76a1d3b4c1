/** The operations that every server runs, and the data that each of them must return. */
export const leaves = `chatId id text sentAt deliveredAt deliveryStatus editedAt isRead sentFrom chatHandleId
  attachments { id url filename mimeType fileSize }
  reactions { id chatMessageId reaction isFromMe fromPhone sentAt createdAt updatedAt }`;

export interface Operation {
  readonly name: string;
  readonly what: string;
  readonly query: string;
  /** The chat of its messages: chat 4 has large ones. Undefined where each request reads another chat. */
  readonly chatId: string | undefined;
  /** Distinct messages. Each request reads messages that no other request reads, except large ones. */
  readonly messages: number;
  /** Ids in the variables, of messages or chats. As many as messages, if not given. */
  readonly ids?: number;
  /** Servers that do not support it. */
  readonly without?: readonly string[];
  variables(ids: readonly string[]): object;
  data(ids: readonly string[]): object;
  /** The gateway's throughput relative to each server. */
  readonly goals: Readonly<Record<string, number>>;
}

/** Messages of the longest page. */
const pageSize = 100;

const page = {
  query: `query Page($chatId: ID!) { chat(id: $chatId) { messages(last: ${pageSize}) { nodes { ${leaves} } } } }`,
  chatId: undefined,
  messages: pageSize,
  ids: 1,
  without: ['tailcall', 'yoga', 'apollo'],
  variables: ([chatId]: readonly string[]) => ({ chatId }),
  data: ([chatId = '']: readonly string[]) => ({
    chat: { messages: { nodes: rowsOf(chatId).map((row) => inSchema(chatId, JSON.parse(row))) } },
  }),
};

const oneMessage = `query OneMessage($chatId: ID!, $id: ID!) { chatMessage(chatId: $chatId, id: $id) { ${leaves} } }`;

export const operations: readonly Operation[] = [
  {
    name: 'W1',
    what: 'one message, all fields',
    query: oneMessage,
    chatId: '1',
    messages: 1,
    variables: ([id]) => ({ chatId: '1', id }),
    data: ([id]) => ({ chatMessage: dataOfMessage('1', id) }),
    goals: { raw: 0.9, mercurius: 1.15, tailcall: 1.6, yoga: 4 },
  },
  {
    name: 'W2',
    what: '25 aliases over 10 messages',
    ...aliases('ManyAliases', 25, 10, (fields) => `{ ${fields} }`),
    goals: { raw: 0.85, mercurius: 1.3, tailcall: 4, yoga: 2.2 },
  },
  {
    name: 'W3',
    what: 'one message, two fields',
    query: 'query TwoFields($chatId: ID!, $id: ID!) { chatMessage(chatId: $chatId, id: $id) { id text } }',
    chatId: '1',
    messages: 1,
    variables: ([id]) => ({ chatId: '1', id }),
    data: ([id]) => ({ chatMessage: { id, text: dataOfMessage('1', id)['text'] } }),
    goals: { raw: 0.9, mercurius: 1.15, tailcall: 1.2, yoga: 3.2 },
  },
  {
    name: 'W4',
    what: 'one message, 100 attachments, 200 reactions',
    query: oneMessage,
    chatId: '4',
    messages: 1,
    variables: ([id]) => ({ chatId: '4', id }),
    data: ([id]) => ({ chatMessage: dataOfMessage('4', id) }),
    goals: { raw: 0.8, mercurius: 1.05, tailcall: 6, yoga: 3.2 },
  },
  { name: 'W5', what: `a page of ${pageSize} messages`, ...page, goals: {} },
];

const sizes = [1, 10, 100];

/** Each message once, by the ways to read several messages in one operation. */
export const growth: Readonly<Record<'aliases' | 'keys' | 'page', readonly Operation[]>> = {
  aliases: sizes.map((messages) => ({
    name: `aliases${messages}`,
    what: `${messages} by aliases`,
    // A fragment, because the leaves repeated for each of 100 aliases exceed MAX_TOKENS.
    ...aliases(
      'GrowthAliases',
      messages,
      messages,
      () => '{ ...Leaves }',
      `fragment Leaves on ChatMessage { ${leaves} }`,
    ),
    goals: {},
  })),
  keys: sizes.map((messages) => ({
    name: `keys${messages}`,
    what: `${messages} by keys`,
    query: `query GrowthKeys($keys: [ChatMessageKey!]!) { chatMessagesByKeys(keys: $keys) { ${leaves} } }`,
    chatId: '1',
    messages,
    variables: (ids) => ({ keys: ids.map((id) => ({ chatId: '1', id })) }),
    data: (ids) => ({ chatMessagesByKeys: ids.map((id) => dataOfMessage('1', id)) }),
    without: ['tailcall'],
    goals: {},
  })),
  page: [
    {
      name: 'page1',
      what: '1 by `chatMessage`',
      query: oneMessage,
      chatId: '1',
      messages: 1,
      variables: ([id]) => ({ chatId: '1', id }),
      data: ([id]) => ({ chatMessage: dataOfMessage('1', id) }),
      goals: {},
    },
    { name: 'page100', what: `${pageSize} by a page`, ...page, goals: {} },
  ],
};

function aliases(name: string, count: number, messages: number, select: (leaves: string) => string, fragment = '') {
  const variables = Array.from({ length: messages }, (_, index) => `id${index}`);
  const fields = Array.from(
    { length: count },
    (_, index) => `m${index}: chatMessage(chatId: $chatId, id: $id${index % messages}) ${select(leaves)}`,
  );
  return {
    query: `query ${name}($chatId: ID!, ${variables.map((id) => `$${id}: ID!`).join(', ')}) { ${fields.join('\n')} }\n${fragment}`,
    chatId: '1',
    messages,
    variables: (ids: readonly string[]) => ({
      chatId: '1',
      ...Object.fromEntries(ids.map((id, index) => [`id${index}`, id])),
    }),
    data: (ids: readonly string[]) =>
      Object.fromEntries(fields.map((_, index) => [`m${index}`, dataOfMessage('1', ids[index % messages])])),
  };
}

/** The message as the schema of every server has it. */
export function dataOfMessage(chatId: string, id = ''): Record<string, unknown> {
  const { data } = JSON.parse(chatId === '4' ? largeMessage(Number(id)) : documented(id));
  return inSchema(chatId, data);
}

function inSchema(chatId: string, data: object): Record<string, unknown> {
  return { chatId, ...(named(data) as object) };
}

/** In camel case, with ids as strings. */
function named(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(named);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [
      name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase()),
      /(^|_)id$/.test(name) ? `${item}` : named(item),
    ]),
  );
}

/** All ids have ten digits, so that the responses to one operation have one length. */
export const firstId = 1_000_000_000;

/** Large messages are files of nginx: only so many ids, from `firstId` on, have one. */
export const largeIds = 1_000;

export function largeMessage(id: number): string {
  const at = '2025-05-21T15:30:00.000-05:00';
  return JSON.stringify({
    data: {
      ...JSON.parse(documented(id)).data,
      attachments: Array.from({ length: 100 }, (_, index) => ({
        id: `abc12345-1234-5678-9abc-${String(index).padStart(12, '0')}`,
        url: `https://storage.googleapis.com/linq-files/attachments/${index}.pdf`,
        filename: `document-${index}.pdf`,
        mime_type: 'application/pdf',
        file_size: 12345 + index,
      })),
      reactions: Array.from({ length: 200 }, (_, index) => ({
        id: 456 + index,
        chat_message_id: id,
        reaction: 'love',
        is_from_me: false,
        from_phone: '+15551234567',
        sent_at: at,
        created_at: at,
        updated_at: at,
      })),
    },
  });
}

/** The messages of a chat, oldest first, as JSON. Their ids begin with the chat's, so that the upstream can insert it. */
export function rowsOf(chatId: string): string[] {
  return Array.from({ length: pageSize }, (_, index) =>
    documented(`${chatId}${String(index).padStart(2, '0')}`)
      .slice('{"data":'.length, -1)
      .replace('15:30:00.123', `15:30:00.${100 + index}`),
  );
}

/** The response of List Chat Messages, newest first. */
export function listOf(rows: readonly string[]): string {
  const meta = { page: 1, total_pages: 1, total_count: rows.length, per_page: 100 };
  return `{"data":[${rows.toReversed().join()}],"meta":${JSON.stringify(meta)}}`;
}

/** Linq's documented example of a chat with this id. */
export function documentedChat(id: string): string {
  const handles = ['+15551234567', '+15559876543'].map(
    (phone, index) =>
      `{"id":${123 + index},"phone_number":"${phone}","service":"iMessage","joined_at":"2025-05-21T15:30:00.000-05:00"}`,
  );
  return `{"data":{"id":${id},"display_name":"John Doe, Jane Smith","service":"iMessage","group":false,"message_count":15,"chat_handles":[${handles.join()}]}}`;
}

/** Linq's documented example with this id. */
export function documented(id: number | string): string {
  return `{"data":{"id":${id},"text":"Hello, how are you?","sent_at":"2025-05-21T15:30:00.123-05:00","delivered_at":"2025-05-21T15:30:05.456-05:00","delivery_status":"pending","edited_at":"2025-05-21T15:31:00.789-05:00","is_read":false,"sent_from":"+15551234567","chat_handle_id":123,"attachments":[{"id":"abc12345-1234-5678-9abc-def012345678","url":"https://storage.googleapis.com/linq-files/attachments/abc123.pdf","filename":"document.pdf","mime_type":"application/pdf","file_size":12345}],"reactions":[{"id":456,"chat_message_id":${id},"reaction":"love","is_from_me":false,"from_phone":"+15551234567","sent_at":"2025-05-21T15:30:00.000-05:00","created_at":"2025-05-21T15:30:00.000-05:00","updated_at":"2025-05-21T15:30:00.000-05:00"}]}}`;
}
