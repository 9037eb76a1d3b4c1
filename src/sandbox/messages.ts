import type { Bodies } from './scenarios.ts';

/** The response of Get Chat Message, as Linq's reference documents it. The id is a string because some exceed 2^53. */
export interface LinqMessage {
  id: string;
  text?: string | null | undefined;
  sent_at: string | null;
  delivered_at: string | null;
  delivery_status: string;
  edited_at: string | null;
  is_read: boolean;
  sent_from: string;
  chat_handle_id: number | null;
  attachments?: object[];
  reactions?: object[] | undefined;
}

/** The body of Get Chat Message, with the id as a JSON number of any size. */
export function messageJson(message: LinqMessage): string {
  return `{"data":${recordJson(message)}}`;
}

export function recordJson(message: LinqMessage): string {
  return JSON.stringify(message).replace(/^\{"id":"(\d+)"/, '{"id":$1');
}

/** The documented message under another id. */
export function messageBodies(id: string): Bodies {
  return { documented: messageJson({ ...documentedMessage, id }), drifted: driftedJson(id) };
}

/** Null if there is no such message. */
export function findMessage(chatId: string, id: string): LinqMessage | null {
  if (chatId === '1') return chatOne.get(id) ?? null;
  if (chatId === '2') return /^[1-9]\d{0,5}$|^1000000$/.test(id) ? generatedMessage(Number(id)) : null;
  return null;
}

const pdf = {
  id: 'abc12345-1234-5678-9abc-def012345678',
  url: 'https://storage.googleapis.com/linq-files/attachments/abc123.pdf',
  filename: 'document.pdf',
  mime_type: 'application/pdf',
  file_size: 12345,
};

/** The unchanged example of the reference. It combines `pending` with a `delivered_at`. */
const documentedMessage: LinqMessage = {
  id: '224',
  text: 'Hello, how are you?',
  sent_at: '2025-05-21T15:30:00.123-05:00',
  delivered_at: '2025-05-21T15:30:05.456-05:00',
  delivery_status: 'pending',
  edited_at: '2025-05-21T15:31:00.789-05:00',
  is_read: false,
  sent_from: '+15551234567',
  chat_handle_id: 123,
  attachments: [pdf],
  reactions: [
    {
      id: 456,
      chat_message_id: 224,
      reaction: 'love',
      is_from_me: false,
      from_phone: '+15551234567',
      sent_at: '2025-05-21T15:30:00.000-05:00',
      created_at: '2025-05-21T15:30:00.000-05:00',
      updated_at: '2025-05-21T15:30:00.000-05:00',
    },
  ],
};

const plainMessage: LinqMessage = {
  id: '227',
  text: "I'm doing great, thanks!",
  sent_at: '2025-05-21T15:33:10.500-05:00',
  delivered_at: '2025-05-21T15:33:12.000-05:00',
  delivery_status: 'delivered',
  edited_at: null,
  is_read: true,
  sent_from: '+15559876543',
  chat_handle_id: 124,
  attachments: [],
  reactions: [],
};

const attachmentOnly: LinqMessage = {
  ...plainMessage,
  id: '226',
  text: null,
  is_read: false,
  attachments: [{ ...pdf, file_size: 102400 }],
};

function everyReaction(messageId: string, firstId: number): object[] {
  const people = [
    '+15551234567',
    '+19998887777',
    '+15559876543',
    '+15552223333',
    '+15554445555',
    'participant@example.com',
  ];
  return ['love', 'like', 'dislike', 'laugh', 'emphasize', 'question'].map((reaction, index) => {
    const at = `2025-05-21T15:34:0${index}.000-05:00`;
    return {
      id: firstId + index,
      chat_message_id: Number(messageId),
      reaction,
      is_from_me: index === 1,
      from_phone: people[index],
      sent_at: at,
      created_at: at,
      updated_at: at,
    };
  });
}

/** Linq does not document whether it sends null, an empty string or no field for a missing text: 226, 229 and 230 cover all three. */
export const chatOne = new Map(
  [
    documentedMessage,
    attachmentOnly,
    plainMessage,
    { ...plainMessage, id: '228', text: 'See you at one', edited_at: '2025-05-21T15:40:00.250-05:00' },
    { ...attachmentOnly, id: '229', text: '' },
    { ...attachmentOnly, id: '230', text: undefined, reactions: undefined },
    {
      ...plainMessage,
      id: '67890',
      text: 'Hello! This is my first message via the Linq API.',
      sent_at: '2025-10-22T10:30:00.000-05:00',
      delivered_at: null,
      delivery_status: 'pending',
      is_read: false,
      sent_from: '+19998887777',
      chat_handle_id: 122,
    },
    {
      ...plainMessage,
      id: '53077912',
      text: 'See you all at noon 👋🏽',
      is_read: false,
      sent_from: 'participant@example.com',
      chat_handle_id: 125,
      reactions: everyReaction('53077912', 457),
    },
    { ...plainMessage, id: '3000000000', text: 'An id beyond 2^31' },
    { ...plainMessage, id: '9007199254740993', text: 'An id beyond 2^53, which a JavaScript number cannot hold' },
  ].map((message) => [message.id, message]),
);

/** Every 97th message was sent in the same millisecond as the one before it. */
export function sentAtOf(id: number): number {
  return Date.UTC(2025, 0, 1) + (id % 97 === 0 ? id - 1 : id) * 61_000;
}

const conversation = [
  'Hi Jane! Are you free for lunch on Thursday?',
  'Hi John, yes!',
  'Noon?',
  'Make it one, I have a call until then.',
  'One it is. The place at the corner?',
  'Perfect.',
  'Shall I book a table?',
  'Please do.',
];

/** The same conversation in five weeks. The ids have gaps, as those of Linq. */
export const chatThree = new Map(
  Array.from({ length: 5 * conversation.length }, (_, index): LinqMessage => {
    const line = index % conversation.length;
    const week = (index - line) / conversation.length;
    const sent = Date.UTC(2025, 5, 2, 14) + week * 7 * 86_400_000 + line * 47_500;
    return {
      ...plainMessage,
      id: String(60_000_000 + index * 1_237),
      text: conversation[line],
      sent_at: linqTime(sent),
      delivered_at: linqTime(sent + 900),
      sent_from: line % 2 === 0 ? '+15551234567' : '+15559876543',
      chat_handle_id: line % 2 === 0 ? 123 : 124,
    };
  }).map((message) => [message.id, message]),
);

/** Derived from the id alone, so that every call returns the same message. */
export function generatedMessage(id: number): LinqMessage {
  const sent = sentAtOf(id);
  const delivered = id % 7 !== 0;
  return {
    id: String(id),
    text: id % 11 === 0 ? null : `Message ${id} of the sandbox`,
    sent_at: linqTime(sent),
    delivered_at: delivered ? linqTime(sent + 1_000 + (id % 5) * 250) : null,
    delivery_status: delivered ? 'delivered' : 'pending',
    edited_at: id % 13 === 0 ? linqTime(sent + 60_000) : null,
    is_read: delivered && id % 3 !== 0,
    sent_from: `+1555${String(id % 10_000_000).padStart(7, '0')}`,
    chat_handle_id: 1_000 + (id % 50),
    attachments: id % 11 === 0 ? [{ ...pdf, filename: `document-${id}.pdf`, file_size: 1_000 + id }] : [],
    reactions: id % 5 === 0 ? everyReaction(String(id), id * 10).slice(0, 1 + (id % 6)) : [],
  };
}

/** A message that is sent and delivered now. */
export function messageOfNow(id: string, text: string): LinqMessage {
  const now = linqTime(Date.now());
  return { ...plainMessage, id, text, sent_at: now, delivered_at: now };
}

/** In Linq's format: three-digit milliseconds and a numeric offset. */
export function linqTime(instant: number): string {
  return new Date(instant - 5 * 3_600_000).toISOString().replace('Z', '-05:00');
}

/** Every kind of drift that leaves the message readable: wrong types, invalid date-times, too large numbers, unknown and missing fields. */
function driftedJson(id: string): string {
  return `{
    "data": {
      "id": ${id},
      "text": { "plain": "Hello" },
      "sent_at": "2025-05-21 15:30:00 -0600",
      "delivered_at": 1747859405,
      "delivery_status": "teleported",
      "edited_at": "yesterday",
      "is_read": "false",
      "sent_from": 15551234567,
      "chat_handle_id": "123",
      "service": "iMessage",
      "attachments": [
        { "id": "abc12345-1234-5678-9abc-def012345678", "url": null, "filename": 7, "mime_type": "application/pdf", "file_size": 4294967296 },
        { "url": "https://storage.googleapis.com/linq-files/attachments/no-id.pdf" },
        "not an attachment"
      ],
      "reactions": [
        { "id": "456", "chat_message_id": ${id}, "reaction": "custom", "custom_emoji": "🦊", "is_from_me": 0 },
        { "id": null, "reaction": "love" }
      ]
    },
    "meta": { "trace": "sandbox" }
  }`;
}
