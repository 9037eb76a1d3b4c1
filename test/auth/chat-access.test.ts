import { describe, expect, it } from 'vitest';
import { chatsOf, mayRead } from '../../src/auth/chat-access.ts';

describe('mayRead', () => {
  it('allows every chat without a restriction', () => {
    expect(mayRead(undefined, { chatId: '1' })).toBe(true);
  });

  it('allows only the listed chats, and none with an empty list', () => {
    expect(mayRead(new Set(['1']), { chatId: '1' })).toBe(true);
    expect(mayRead(new Set(['1']), { chatId: '11' })).toBe(false);
    expect(mayRead(new Set(), { chatId: '1' })).toBe(false);
  });
});

describe('chatsOf', () => {
  it('reads strings and safe integers', () => {
    expect(chatsOf(['2', 7])).toEqual(new Set(['2', '7']));
  });

  it('treats an absent claim as no restriction, and a malformed one never', () => {
    expect(chatsOf(undefined)).toBeUndefined();
    for (const claim of [null, 'all', {}, ['*'], [0], [1.5]]) expect(chatsOf(claim)).toBe('malformed');
  });
});
