import type { CombinedError } from '@urql/core';
import { element } from './element.ts';

const ourMistake = ['This page asked the wrong way', 'Reload it: it may be out of date.'] as const;

/** What a person reads for each `extensions.code` of the gateway: what happened, and what to do. */
const words = new Map<string, readonly [title: string, advice: string]>([
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
const unreachable = ['The gateway cannot be reached', 'Check your connection, then try again.'] as const;
const unknown = ['This could not be read', 'Please tell us.'] as const;

/** A failed read as a card. `retry` is offered where it can help, and only when the gateway lets it. */
export function renderFailure({ graphQLErrors: [error], networkError }: CombinedError, retry: () => void): HTMLElement {
  const { code, retryable, retryAfterMs, requestId } = error?.extensions ?? {};
  const [title, advice] = networkError ? unreachable : (words.get(String(code)) ?? unknown);
  return element(
    'section',
    { class: 'failure' },
    // Only this is read out when it appears, not the countdown.
    element('div', { role: 'alert' }, element('h2', {}, title), element('p', {}, advice)),
    ...(networkError || retryable === true ? [retryButton(Number(retryAfterMs ?? 0), retry)] : []),
    ...(requestId ? [element('small', {}, 'For support: ', element('code', {}, String(requestId)))] : []),
  );
}

/** Stays within reach of the keyboard while it counts down, which a disabled button would not. */
function retryButton(waitMs: number, retry: () => void): HTMLElement {
  const button = element('button', { type: 'button' });
  const readyAt = Date.now() + waitMs;
  const isWaiting = () => {
    const seconds = Math.ceil((readyAt - Date.now()) / 1_000);
    button.setAttribute('aria-disabled', String(seconds > 0));
    button.textContent = seconds > 0 ? `Try again in ${duration(seconds)}` : 'Try again';
    return seconds > 0;
  };
  if (isWaiting()) {
    const timer = setInterval(() => {
      if (!button.isConnected || !isWaiting()) clearInterval(timer);
    }, 1_000);
  }
  button.addEventListener('click', () => {
    if (button.getAttribute('aria-disabled') === 'false') retry();
  });
  return button;
}

function duration(seconds: number): string {
  const parts = { hours: Math.floor(seconds / 3600), minutes: Math.floor(seconds / 60) % 60, seconds: seconds % 60 };
  return new Intl.DurationFormat(undefined, { style: 'digital', hoursDisplay: 'auto' }).format(parts);
}
