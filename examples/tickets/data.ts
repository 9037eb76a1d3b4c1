/** A ticket points at the message that it is about, by the two ids that are its key, and at the chat of its customer. */
export interface Ticket {
  readonly id: string;
  readonly title: string;
  readonly message: { readonly chatId: string; readonly id: string };
  readonly chat: { readonly id: string };
}

/** 50 tickets about 20 messages of the sandbox, and 20 chats, of which the sandbox has the first three. */
export const tickets: readonly Ticket[] = Array.from({ length: 50 }, (_, index) => ({
  id: String(index + 1),
  title: `Ticket ${index + 1}`,
  message: { chatId: '2', id: String((index % 20) + 1) },
  chat: { id: String((index % 20) + 1) },
}));

/** About one message and chat that are there, one that is not, and one that cannot be read. */
export const strayTickets: readonly Ticket[] = ['2', '404', '500'].map((chatId) => ({
  id: `stray-${chatId}`,
  title: `A ticket about chat ${chatId}`,
  message: { chatId, id: '1' },
  chat: { id: chatId },
}));

export function ticketsAbout({ chatId, id }: Ticket['message']): Ticket[] {
  return tickets.filter(({ message }) => message.chatId === chatId && message.id === id);
}
