import type { Bodies } from './scenarios.ts';

interface LinqHandle {
  readonly id: number;
  /** A phone number, or an email address. */
  readonly phone_number: string;
  readonly service: string;
  readonly joined_at: string;
}

/** The response of Get Chat, as Linq's reference documents it. */
export interface LinqChat {
  readonly id: number;
  readonly display_name: string;
  readonly service: string;
  readonly group: boolean;
  readonly message_count: number;
  readonly chat_handles: readonly LinqHandle[];
}

/** Undefined if there is no such chat. */
export function findChat(id: string): LinqChat | undefined {
  return chats.find((chat) => String(chat.id) === id);
}

export function chatJson(chat: LinqChat): string {
  return JSON.stringify({ data: chat });
}

/** The documented chat under another id. */
export function chatBodies(id: string): Bodies {
  return { documented: chatJson({ ...documentedChat, id: Number(id) }), drifted: driftedJson(id) };
}

function handle(id: number, phone_number: string, service = 'iMessage'): LinqHandle {
  return { id, phone_number, service, joined_at: '2025-05-21T15:30:00.000-05:00' };
}

/** The unchanged example of the reference. `group` is false although there are two handles. */
const documentedChat: LinqChat = {
  id: 45,
  display_name: 'John Doe, Jane Smith',
  service: 'iMessage',
  group: false,
  message_count: 15,
  chat_handles: [handle(123, '+15551234567'), handle(124, '+15559876543')],
};

const chats: readonly LinqChat[] = [
  {
    ...documentedChat,
    id: 1,
    display_name: 'Lunch on Thursday',
    group: true,
    message_count: 10,
    chat_handles: [handle(122, '+19998887777'), ...documentedChat.chat_handles, handle(125, 'participant@example.com')],
  },
  {
    ...documentedChat,
    id: 2,
    display_name: 'One million messages',
    service: 'SMS',
    group: true,
    message_count: 1_000_000,
    chat_handles: Array.from({ length: 50 }, (_, index) => handle(1_000 + index, `+1555000${1_000 + index}`, 'SMS')),
  },
  { ...documentedChat, id: 3, display_name: 'John Doe', message_count: 40 },
];

/** Wrong types, an invalid date-time, a too large number, unknown and missing fields. */
function driftedJson(id: string): string {
  return `{
    "data": {
      "id": "${id}",
      "display_name": ["John Doe", "Jane Smith"],
      "service": "carrier pigeon",
      "group": "false",
      "message_count": 4294967296,
      "archived": false,
      "chat_handles": [
        { "id": 123, "phone_number": 15551234567, "service": null, "joined_at": "2025-05-21 15:30:00 -0600" },
        { "phone_number": "+15559876543" },
        "+15550001111"
      ]
    }
  }`;
}
