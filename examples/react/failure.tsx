import { CombinedGraphQLErrors } from '@apollo/client';
import { useEffect, useState } from 'react';
import { retryWords, unreachable, wordsFor } from '../web/failure-words.ts';

interface FailureProps {
  readonly error: Error;
  readonly onRetry: () => void;
}

/** A failed read as a card. Another try is offered where it can help, and only when the gateway lets it. */
export function Failure({ error, onRetry }: FailureProps) {
  const first = CombinedGraphQLErrors.is(error) ? error.errors[0]?.extensions : undefined;
  const isUnreachable = !CombinedGraphQLErrors.is(error);
  const [title, advice] = isUnreachable ? unreachable : wordsFor(first?.['code']);
  return (
    <section className="failure">
      {/* Only this is read out when it appears, not the countdown. */}
      <div role="alert">
        <h2>{title}</h2>
        <p>{advice}</p>
      </div>
      {(isUnreachable || first?.['retryable'] === true) && (
        <RetryButton waitMs={Number(first?.['retryAfterMs'] ?? 0)} onRetry={onRetry} />
      )}
      {first?.['requestId'] !== undefined && (
        <small>
          For support: <code>{String(first['requestId'])}</code>
        </small>
      )}
    </section>
  );
}

/** Stays within reach of the keyboard while it counts down, which a disabled button would not. */
function RetryButton({ waitMs, onRetry }: { readonly waitMs: number; readonly onRetry: () => void }) {
  const [readyAt] = useState(() => Date.now() + waitMs);
  const [now, setNow] = useState(() => Date.now());
  const isWaiting = readyAt > now;
  useEffect(() => {
    if (!isWaiting) return undefined;
    const timer = setInterval(() => setNow(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, [isWaiting]);
  return (
    <button type="button" aria-disabled={isWaiting} onClick={() => isWaiting || onRetry()}>
      {retryWords(Math.ceil((readyAt - now) / 1_000))}
    </button>
  );
}
