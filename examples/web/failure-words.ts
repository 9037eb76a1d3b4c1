const ourMistake = ['This page asked the wrong way', 'Reload it: it may be out of date.'] as const;

/** What a person reads for each `extensions.code` of the gateway: what happened, and what to do. */
export const words = new Map<unknown, readonly [title: string, advice: string]>([
  ['BAD_USER_INPUT', ['Nothing can have these ids', 'Check the chat id and the message id.']],
  ['UNAUTHENTICATED', ['You are not signed in', 'Sign in again. If that is no help, please tell us.']],
  ['FORBIDDEN', ['You may not read this', 'Ask whoever looks after your access to this chat.']],
  ['UPSTREAM_RATE_LIMITED', ['Too many messages were read', 'Linq asks for a pause before the next one.']],
  ['UPSTREAM_TIMEOUT', ['Linq takes too long', 'It may be busy. Try again.']],
  ['UPSTREAM_UNAVAILABLE', ['Linq cannot be reached', 'It was tried more than once. Try again in a while.']],
  ['UPSTREAM_BAD_RESPONSE', ['Linq’s answer makes no sense', 'Trying again will hardly help. Please tell us.']],
  ['OVERLOADED', ['Too much is going on', 'Try again in a moment.']],
  ['RATE_LIMITED', ['Too many messages were read', 'Try again in a moment.']],
  ['PERSISTED_QUERY_NOT_FOUND', ourMistake],
  ['OPERATION_TOO_COSTLY', ourMistake],
  ['GRAPHQL_PARSE_FAILED', ourMistake],
  ['GRAPHQL_VALIDATION_FAILED', ourMistake],
  ['BAD_REQUEST', ourMistake],
  ['INTERNAL_SERVER_ERROR', ['Something broke on our side', 'Please tell us.']],
]);
/** When no response comes at all. */
export const unreachable = ['The gateway cannot be reached', 'Check your connection, then try again.'] as const;
const unknown = ['This could not be read', 'Please tell us.'] as const;

export function wordsFor(code: unknown): readonly [title: string, advice: string] {
  return words.get(code) ?? unknown;
}

/** Such as `Try again in 59:59`. */
export function retryWords(seconds: number): string {
  if (seconds <= 0) return 'Try again';
  const parts = { hours: Math.floor(seconds / 3600), minutes: Math.floor(seconds / 60) % 60, seconds: seconds % 60 };
  return `Try again in ${new Intl.DurationFormat(undefined, { style: 'digital', hoursDisplay: 'auto' }).format(parts)}`;
}
