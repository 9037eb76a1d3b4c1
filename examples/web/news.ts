/** The shortest time between two announcements. In milliseconds. */
const pauseMs = 10_000;

/** Counts new messages and announces them in batches, because a screen reader reads out each announcement. */
export function createNews(announce: (text: string) => void) {
  let count = 0;
  let timer: number | undefined;
  const announceNow = () => {
    timer = count > 0 ? window.setTimeout(announceNow, pauseMs) : undefined;
    if (count > 0) announce(count === 1 ? '1 new message' : `${count} new messages`);
    count = 0;
  };
  return {
    add() {
      count++;
      if (timer === undefined) announceNow();
    },
    stop: () => clearTimeout(timer),
  };
}
