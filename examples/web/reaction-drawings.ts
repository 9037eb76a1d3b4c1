const thumb =
  'M3 10.5h4V20H3zM9 20V10.5L13 3c1.8 0 2.7 1.3 2.4 3l-.7 3.5H19c1.4 0 2.2 1.2 1.9 2.5l-1.5 6.3c-.3 1.1-1.1 1.7-2.2 1.7z';

/** Paths in a box of 24 by 24, so that reactions look the same where no emoji font is installed. Linq may add others. */
export const reactionDrawings: ReadonlyMap<string | null, string> = new Map([
  ['love', 'M12 20.5C3.5 14.5 3 10.5 3 8.8a4.8 4.8 0 0 1 9-2.3 4.8 4.8 0 0 1 9 2.3c0 1.7-.5 5.7-9 11.7z'],
  ['like', thumb],
  ['dislike', thumb], // style.css turns it over
  [
    'laugh',
    'M12 2.5a9.5 9.5 0 1 0 0 19 9.5 9.5 0 0 0 0-19zM8.5 7.5a1.5 1.7 0 1 1 0 3.4 1.5 1.7 0 0 1 0-3.4zm7 0a1.5 1.7 0 1 1 0 3.4 1.5 1.7 0 0 1 0-3.4zM6 13h12c0 3.5-2.5 6-6 6s-6-2.5-6-6z',
  ],
  [
    'emphasize',
    'M6 3h4l-.8 11.5H6.8zM14 3h4l-.8 11.5h-2.4zM8 17a2 2 0 1 1 0 4 2 2 0 0 1 0-4zm8 0a2 2 0 1 1 0 4 2 2 0 0 1 0-4z',
  ],
  [
    'question',
    'M6.5 8.8C6.5 5.4 8.9 3 12.2 3c3.3 0 5.6 2.1 5.6 5 0 2.3-1.2 3.6-2.7 4.7-1.3 1-1.7 1.5-1.7 2.8h-3c0-2.5 1-3.7 2.6-4.9 1.1-.8 1.6-1.4 1.6-2.5 0-1.3-1-2.2-2.4-2.2-1.6 0-2.6 1.1-2.6 2.9zM12 17a2 2 0 1 1 0 4 2 2 0 0 1 0-4z',
  ],
]);
