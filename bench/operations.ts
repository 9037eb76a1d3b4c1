/** The work that all servers are given, and how to check that they give the same answer for it. */
const leaves = `chatId id text sentAt deliveredAt deliveryStatus editedAt isRead sentFrom chatHandleId
  attachments { id url filename mimeType fileSize }
  reactions { id chatMessageId reaction isFromMe fromPhone sentAt createdAt updatedAt }`;

export interface Operation {
  readonly name: string;
  readonly what: string;
  readonly query: string;
  /** The chat whose messages it reads: 4 holds large ones. */
  readonly chatId: string;
  /** The variables that hold message ids; each request gets ids that no other has, or those of the large messages. */
  readonly idVariables: readonly string[];
  /** How many times the throughput of each server ours shall be. */
  readonly goals: Readonly<Record<string, number>>;
}

function many(name: string, aliases: number, messages: number): string {
  const ids = Array.from({ length: messages }, (_, index) => `id${index}`);
  const fields = Array.from(
    { length: aliases },
    (_, index) => `m${index}: chatMessage(chatId: $chatId, id: $id${index % messages}) { ${leaves} }`,
  );
  return `query ${name}($chatId: ID!, ${ids.map((id) => `$${id}: ID!`).join(', ')}) { ${fields.join('\n')} }`;
}

const ids = (messages: number) => Array.from({ length: messages }, (_, index) => `id${index}`);
const oneMessage = `query OneMessage($chatId: ID!, $id: ID!) { chatMessage(chatId: $chatId, id: $id) { ${leaves} } }`;

export const operations: readonly Operation[] = [
  {
    name: 'W1',
    what: 'one message, all fields',
    query: oneMessage,
    chatId: '1',
    idVariables: ['id'],
    goals: { raw: 0.75, mercurius: 1.2, yoga: 4.5, apollo: 7 },
  },
  {
    name: 'W2',
    what: '25 aliases over 10 messages',
    query: many('ManyAliases', 25, 10),
    chatId: '1',
    idVariables: ids(10),
    goals: { raw: 0.55, mercurius: 1.2, yoga: 2.3 },
  },
  {
    name: 'W3',
    what: 'one message, two fields',
    query: 'query TwoFields($chatId: ID!, $id: ID!) { chatMessage(chatId: $chatId, id: $id) { id text } }',
    chatId: '1',
    idVariables: ['id'],
    goals: { raw: 0.7, mercurius: 1.1, yoga: 3.5 },
  },
  {
    name: 'W4',
    what: 'one message, 100 attachments, 200 reactions',
    query: oneMessage,
    chatId: '4',
    idVariables: ['id'],
    goals: { mercurius: 1.1 },
  },
];

export const growth: readonly Operation[] = [1, 10, 100].map((messages) => ({
  name: `G${messages}`,
  what: `${messages} messages in one operation`,
  query: many('Growth', messages, messages),
  chatId: '1',
  idVariables: ids(messages),
  goals: {},
}));

/** Large messages exist for these ids alone: they are files. */
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

/** Linq's documented example, with the id asked for. */
export function documented(id: number | string): string {
  return `{"data":{"id":${id},"text":"Hello, how are you?","sent_at":"2025-05-21T15:30:00.123-05:00","delivered_at":"2025-05-21T15:30:05.456-05:00","delivery_status":"pending","edited_at":"2025-05-21T15:31:00.789-05:00","is_read":false,"sent_from":"+15551234567","chat_handle_id":123,"attachments":[{"id":"abc12345-1234-5678-9abc-def012345678","url":"https://storage.googleapis.com/linq-files/attachments/abc123.pdf","filename":"document.pdf","mime_type":"application/pdf","file_size":12345}],"reactions":[{"id":456,"chat_message_id":${id},"reaction":"love","is_from_me":false,"from_phone":"+15551234567","sent_at":"2025-05-21T15:30:00.000-05:00","created_at":"2025-05-21T15:30:00.000-05:00","updated_at":"2025-05-21T15:30:00.000-05:00"}]}}`;
}
