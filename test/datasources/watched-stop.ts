import { Stop } from '../../src/datasources/reads/stop.ts';

/** Counts who still listens, so that a test sees what was left behind. */
export class WatchedStop extends Stop {
  added = 0;
  removed = 0;

  override addEventListener(type: 'abort', listener: () => void): void {
    this.added++;
    super.addEventListener(type, listener);
  }

  override removeEventListener(type: 'abort', listener: () => void): void {
    this.removed++;
    super.removeEventListener(type, listener);
  }
}
