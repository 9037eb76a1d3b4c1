import type { CombinedError } from '@urql/core';
import { element } from './element.ts';
import { retryWords, unreachable, wordsFor } from './failure-words.ts';

/** A failed read as a card. `retry` is offered where it can help, and only when the gateway lets it. */
export function renderFailure({ graphQLErrors: [error], networkError }: CombinedError, retry: () => void): HTMLElement {
  const { code, retryable, retryAfterMs, requestId } = error?.extensions ?? {};
  const [title, advice] = networkError ? unreachable : wordsFor(code);
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
    button.textContent = retryWords(seconds);
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
