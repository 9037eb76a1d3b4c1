import { useGraphiQL } from '@graphiql/react';
import { useId, useState, useSyncExternalStore } from 'react';
import { callsOf, counted, lineOf, type Read, type ResponseFacts } from './response.ts';

/** The facts about the response that each tab shows, by the tab's id. In memory only, as GraphiQL's responses are. */
export class ResponseFactsStore {
  readonly #facts = new Map<string, ResponseFacts | undefined>();
  readonly #listeners = new Set<() => void>();

  readonly get = (tabId: string): ResponseFacts | undefined => this.#facts.get(tabId);

  readonly subscribe = (listener: () => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  set(tabId: string, facts: ResponseFacts | undefined): void {
    this.#facts.set(tabId, facts);
    for (const listener of this.#listeners) listener();
  }
}

/** Status, time and size of the response above it, and what it read from Linq. */
export function ResponseLine({ store }: { readonly store: ResponseFactsStore }) {
  const tabId = useGraphiQL(({ tabs, activeTabIndex }) => tabs[activeTabIndex]?.id ?? '');
  const facts = useSyncExternalStore(store.subscribe, () => store.get(tabId));
  const [isOpen, setOpen] = useState(false);
  const tableId = useId();
  const reads = facts?.reads;
  return (
    <div className="linq-response-line">
      <span role="status" aria-label="Response">
        {facts && lineOf(facts)}
      </span>
      {reads && (
        <>
          {' · '}
          <button type="button" aria-expanded={isOpen} aria-controls={tableId} onClick={() => setOpen(!isOpen)}>
            {counted(callsOf(reads), 'call')} to Linq
          </button>
          <div id={tableId} hidden={!isOpen} className="linq-reads">
            {reads.length === 0 ? 'The operation reads nothing from Linq.' : <Reads reads={reads} />}
          </div>
        </>
      )}
    </div>
  );
}

const columns: readonly [heading: string, cell: (read: Read) => string][] = [
  ['Route', ({ route }) => text(route).replace(/^\/api\/partner\/v2/, '')],
  ['Chat', ({ chatId }) => text(chatId)],
  ['Id', ({ id }) => text(id)],
  ['Outcome', ({ outcome }) => text(outcome)],
  ['Status', ({ status }) => text(status)],
  ['Attempts', ({ attempts }) => text(attempts)],
  ['Waited', ({ waitMs }) => milliseconds(waitMs)],
  ['Took', ({ durationMs }) => milliseconds(durationMs)],
  ['Source', ({ shared, cached }) => (cached === true ? 'cache' : shared === true ? 'shared read' : 'Linq')],
];

function Reads({ reads }: { readonly reads: readonly Read[] }) {
  return (
    <table>
      <caption>Reads of Linq</caption>
      <thead>
        <tr>
          {columns.map(([heading]) => (
            <th key={heading} scope="col">
              {heading}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {reads.map((read, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: reads have no other identity, and their order is fixed
          <tr key={index}>
            {columns.map(([heading, cell]) => (
              <td key={heading}>{cell(read)}</td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function text(value: unknown): string {
  return value === undefined || value === null ? '–' : String(value);
}

function milliseconds(value: unknown): string {
  return typeof value === 'number' ? `${Math.round(value)} ms` : '–';
}
