import type { LogEvent, Position } from './chat-event.ts';
import { EventQueue } from './event-queue.ts';
import type { EventTail } from './event-tail.ts';

/**
 * Events from now on, or from after a position on, each once and in order: those that match, and all gaps. If some after the
 * position may be missing, a gap comes first.
 */
export function followEvents(
  tail: EventTail,
  matches: (event: LogEvent) => boolean,
  after?: Position,
): AsyncIterableIterator<LogEvent> {
  const fits = (event: LogEvent) => event.kind === 'gap' || matches(event);
  let seen = '';
  const queue = new EventQueue(() => leave());
  const leave = tail.subscribe((event) => fits(event) && queue.push(event)); // first, so that none is missed meanwhile
  if (after === undefined) return queue;

  let replay: LogEvent[] | undefined;
  const replayed = tail.read(after).then((events) => {
    seen = events === undefined ? tail.position : (events.at(-1)?.position ?? after);
    replay = events?.filter(fits) ?? [{ kind: 'gap', position: seen }];
  });
  let isOver = false;
  const next = async (): Promise<IteratorResult<LogEvent, undefined>> => {
    await replayed;
    const old = isOver ? undefined : replay?.shift();
    if (old !== undefined) return { done: false, value: old };
    for (;;) {
      const result = await queue.next();
      if (result.done || result.value.position > seen) return result;
    }
  };
  return {
    next,
    return: () => {
      isOver = true;
      return queue.return();
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
