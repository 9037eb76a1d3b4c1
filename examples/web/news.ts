/** How often a screen reader is told of new messages at most. In milliseconds. */
const pauseMs = 10_000;

/** Counts new messages, and tells of them now and then: a screen reader reads that out. */
export function createNews(tell: (text: string) => void) {
  let count = 0;
  let timer: number | undefined;
  const tellNow = () => {
    timer = count > 0 ? window.setTimeout(tellNow, pauseMs) : undefined;
    if (count > 0) tell(count === 1 ? '1 new message' : `${count} new messages`);
    count = 0;
  };
  return {
    add() {
      count++;
      if (timer === undefined) tellNow();
    },
    stop: () => clearTimeout(timer),
  };
}
