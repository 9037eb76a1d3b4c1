/** The SDL and the mapping that the GraphQL peers in JavaScript share, so that they do the same work. */
export const typeDefs = `
  type Query {
    chatMessage(chatId: ID!, id: ID!): ChatMessage
    chatMessagesByKeys(keys: [ChatMessageKey!]!): [ChatMessage]!
    chat(id: ID!): Chat
  }
  type Chat { messages(last: Int): ChatMessageConnection }
  type ChatMessageConnection { nodes: [ChatMessage!]! }
  input ChatMessageKey { chatId: ID! id: ID! }
  type ChatMessage {
    chatId: ID! id: ID! text: String sentAt: String deliveredAt: String deliveryStatus: String editedAt: String
    isRead: Boolean sentFrom: String chatHandleId: ID attachments: [Attachment!]! reactions: [Reaction!]!
  }
  type Attachment { id: ID! url: String filename: String mimeType: String fileSize: Int }
  type Reaction {
    id: ID! chatMessageId: ID reaction: String isFromMe: Boolean fromPhone: String
    sentAt: String createdAt: String updatedAt: String
  }
`;

export const port = Number(process.env['PORT']);
export const upstream = String(process.env['LINQ_API_URL']);
export const token = 'bench';

export interface Key {
  readonly chatId: string;
  readonly id: string;
}

export const pathOf = ({ chatId, id }: Key): string => `/api/partner/v2/chats/${chatId}/chat_messages/${id}`;

/** The newest messages of a chat. */
export const listPathOf = (chatId: string, size: number): string =>
  `/api/partner/v2/chats/${chatId}/chat_messages?sort=desc&page=1&per_page=${size}`;

// biome-ignore lint/suspicious/noExplicitAny: peers read what Linq sends without checking it
export function toMessage(chatId: string, data: any) {
  return {
    chatId,
    id: data.id,
    text: data.text,
    sentAt: data.sent_at,
    deliveredAt: data.delivered_at,
    deliveryStatus: data.delivery_status,
    editedAt: data.edited_at,
    isRead: data.is_read,
    sentFrom: data.sent_from,
    chatHandleId: data.chat_handle_id,
    // biome-ignore lint/suspicious/noExplicitAny: as above
    attachments: data.attachments.map((it: any) => ({
      id: it.id,
      url: it.url,
      filename: it.filename,
      mimeType: it.mime_type,
      fileSize: it.file_size,
    })),
    // biome-ignore lint/suspicious/noExplicitAny: as above
    reactions: data.reactions.map((it: any) => ({
      id: it.id,
      chatMessageId: it.chat_message_id,
      reaction: it.reaction,
      isFromMe: it.is_from_me,
      fromPhone: it.from_phone,
      sentAt: it.sent_at,
      createdAt: it.created_at,
      updatedAt: it.updated_at,
    })),
  };
}
