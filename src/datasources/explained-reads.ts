import type { LinqId } from './model.ts';
import { ReadReport } from './reads/read-report.ts';

/** As clients see it. Durations are in milliseconds. */
export interface ExplainedRead extends Pick<ReadReport, 'outcome' | 'attempts' | 'waitMs' | 'durationMs'> {
  readonly route: string;
  readonly chatId: string;
  /** Null for a read that is not of one message. */
  readonly id: string | null;
  readonly status: number | null;
  readonly shared: boolean;
  readonly cached: boolean;
}

/** The reads of one operation, in the order in which they started, for a caller that requests them. */
export class ExplainedReads {
  readonly #reads: { readonly route: string; readonly key: MessageOrChatKey; readonly report: ReadReport }[] = [];

  /** Returns what the read reports to. */
  add(route: string, key: MessageOrChatKey): ReadReport {
    const report = new ReadReport();
    this.#reads.push({ route, key, report });
    return report;
  }

  toJSON(): ExplainedRead[] {
    return this.#reads.map(({ route, key: { chatId, id = null }, report }) => ({
      route,
      chatId,
      id,
      outcome: report.outcome,
      status: report.status ?? null,
      attempts: report.attempts,
      waitMs: tenths(report.waitMs),
      durationMs: tenths(report.durationMs),
      shared: report.isShared,
      cached: report.isCached,
    }));
  }
}

interface MessageOrChatKey {
  readonly chatId: LinqId;
  readonly id?: LinqId;
}

function tenths(ms: number): number {
  return Math.round(ms * 10) / 10;
}
