import { readFileSync } from 'node:fs';
import { parser } from '@prometheus-io/lezer-promql';
import { beforeAll, expect, it } from 'vitest';
import { parse } from 'yaml';
import { type Exposition, readExposition } from '../support/exposition.ts';
import { startTestGateway } from '../support/gateway.ts';

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly promise?: string };
}

interface Panel {
  readonly id: number;
  readonly title: string;
  readonly type: string;
  readonly datasource?: { readonly uid: string };
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly expr: string }[];
}

const read = (file: string) => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
const rules: Rule[] = parse(read('deploy/alerts.yaml')).groups.flatMap(({ rules }: { rules: Rule[] }) => rules);
const dashboard: { panels: Panel[]; templating: { list: { name: string; query: unknown }[] } } = JSON.parse(
  read('deploy/grafana.json'),
);
const queries = dashboard.panels.flatMap(({ title, targets = [] }) =>
  targets.map(({ expr }): [string, string] => [title, expr.replaceAll('$__rate_interval', '5m')]),
);
/** Of which target Prometheus scraped it from. */
const targetLabels = new Set(['job', 'instance']);

/** All that a gateway exposes once it has met a bit of everything. */
let exposed: Exposition;
beforeAll(async () => {
  await using gateway = await startTestGateway({ LINQ_CACHE_TTL_MS: '1000', REDIS_URL: 'redis://127.0.0.1:1' });
  for (const chatId of [1, 404, 403, 500, 502, 602])
    await gateway.query(`{ chatMessage(chatId: ${chatId}, id: 7) { id } }`);
  globalThis.gc?.(); // before the first collection, nothing is told of any
  do exposed = readExposition((await gateway.send({ path: '/metrics' })).body);
  while (!exposed.series.has('nodejs_gc_duration_seconds_sum'));
});

interface Selector {
  readonly metric: string;
  readonly matchers: readonly { label: string; operator: string; value: string }[];
}

/** What a query selects, and by which labels it groups. Throws for what is no PromQL. */
function selectionsOf(query: string): { selectors: Selector[]; groupedBy: string[] } {
  const selectors: { metric: string; matchers: { label: string; operator: string; value: string }[] }[] = [];
  const groupedBy: string[] = [];
  parser.parse(query).iterate({
    enter({ type, name, from, to, node }) {
      const text = query.slice(from, to);
      if (type.isError) throw new Error(`no PromQL: ${query.slice(0, from)} <here> ${query.slice(from)}`);
      if (name === 'VectorSelector') selectors.push({ metric: '', matchers: [] });
      if (name === 'Identifier' && node.parent?.name === 'VectorSelector') {
        selectors.splice(-1, 1, { metric: text, matchers: [] });
      }
      if (name === 'UnquotedLabelMatcher') {
        const [, label = '', operator = '', value = ''] = /^(\w+)\s*([=!~]+)\s*"(.*)"$/.exec(text) ?? [];
        selectors.at(-1)?.matchers.push({ label, operator, value });
      }
      if (name === 'LabelName' && node.parent?.name === 'GroupingLabels') groupedBy.push(text);
    },
  });
  return { selectors, groupedBy };
}

it.each([...rules.map(({ alert, expr }): [string, string] => [alert, expr]), ...queries])(
  '%s queries only metrics, labels and values that exist: %s',
  (_name, query) => {
    const { selectors, groupedBy } = selectionsOf(query);
    expect(selectors.length).toBeGreaterThan(0);
    for (const { metric, matchers } of selectors) {
      const labels = exposed.series.get(metric);
      expect(labels, metric).toBeDefined();
      for (const { label, operator, value } of matchers) {
        if (targetLabels.has(label)) continue;
        for (const word of operator.endsWith('~') ? value.split('|') : [value]) {
          const known: unknown[] = [...(labels?.get(label) ?? [])];
          // Prometheus 3 writes 30 as 30.0.
          if (label === 'le') expect(known.map(Number), metric).toContain(Number(word));
          else expect(known, `${metric} ${label}`).toContain(word);
        }
      }
    }
    for (const label of groupedBy) {
      const known = targetLabels.has(label) || selectors.some(({ metric }) => exposed.series.get(metric)?.has(label));
      expect(known, label).toBe(true);
    }
  },
);

it('the dashboard shows every metric of the gateway', () => {
  const shown = new Set(queries.flatMap(([, query]) => selectionsOf(query).selectors.map(({ metric }) => metric)));
  const own = [...exposed.types.keys()].filter((name) => /^(graphql|linq)_/.test(name));
  expect(own.length).toBeGreaterThan(10);
  const hidden = own.filter((name) => ![name, `${name}_bucket`, `${name}_count`].some((series) => shown.has(series)));
  expect(hidden, 'add a panel for each to deploy/grafana.json').toEqual([]);
});

it('the dashboard can be imported: each panel has its own id and place, and uses the chosen data source', () => {
  const { panels, templating } = dashboard;
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  expect(templating.list.map(({ name }) => name)).toEqual(['datasource', 'job']);
  const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
    Array.from({ length: w * h }, (_, index) => `${x + (index % w)} ${y + Math.floor(index / w)}`),
  );
  expect(new Set(cells).size).toBe(cells.length);
  for (const { datasource } of panels.filter(({ type }) => type !== 'row'))
    expect(datasource?.uid).toMatch(/^\$\{datasource\}$/);
});

it('every promise that metrics can show is watched by an alert', () => {
  const [table = ''] = read('docs/reliability.md').split('**Limits.**');
  const promises = [...table.matchAll(/^\| ([A-Z][^|]+?) \|/gm)].map(([, promise]) => promise);
  const watched = new Set(rules.flatMap(({ annotations: { promise = [] } }) => promise));
  expect([...watched].filter((promise) => !promises.includes(promise))).toEqual([]);
  expect(promises.filter((promise) => promise !== undefined && !watched.has(promise))).toEqual([
    'A caller can shorten its deadline but never extend it', // watched with the deadline itself
    'Identical reads with the same token share one request to Linq', // a saving, which the dashboard shows
    'A response never reaches another token', // this and the rest are in no metric of their own: only tests can tell
    "A change of Linq's DNS is followed",
    'A proxy that refuses fails reads with `UPSTREAM_UNAVAILABLE`',
    'A Redis outage fails no read',
    'A cached message never reaches another token, and is never older than `LINQ_CACHE_TTL_MS` plus one read',
    'After a webhook, no cached value is returned whose read began before it',
    'A page of messages skips and repeats none while messages arrive or are deleted',
    'A list that ignores its parameters is a failure, never a wrong page', // watched with other bad responses
    'An operation that would read too much reads nothing', // watched with other costly operations
    'The errors of a response cost no more than its data',
    'A connection has 32 requests in flight at most',
    'An event is read once for each Linq token, however many streams send it',
  ]);
});

it('each alert has a name of its own, a severity and a summary', () => {
  expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
  for (const { labels, annotations } of rules) {
    expect(['critical', 'warning']).toContain(labels.severity);
    expect(annotations.summary).toMatch(/^[A-Z{].+\.$/);
  }
});
