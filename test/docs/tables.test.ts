import { globSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { readConfig } from '../../src/config.ts';
import { errorCodes } from '../../src/errors/codes.ts';
import { sandboxPage } from '../../src/sandbox/graphiql-tabs.ts';
import { logFields } from '../../src/telemetry/log.ts';
import { readExposition } from '../support/exposition.ts';
import { startTestGateway } from '../support/gateway.ts';

const root = new URL('../..', import.meta.url);
const read = (file: string) => readFileSync(new URL(file, root), 'utf8');
const operations = read('docs/operations.md');
const pages = [
  'README.md',
  'SECURITY.md',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  ...globSync('docs/**/*.md', { cwd: root }),
];

/** The cells of the table under this heading row. */
function tableOf(page: string, heading: string): string[][] {
  const [, table = ''] = page.split(`| ${heading} |`);
  const [lines = ''] = table.split('\n\n');
  return lines
    .split('\n')
    .slice(2)
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

const quoted = (text = '') =>
  [...text.matchAll(/^```.*\n([\s\S]*?)^```|`([^`]+)`/gm)].map(([, block, word = '']) => block ?? word);

async function exposition() {
  await using gateway = await startTestGateway({ REDIS_URL: 'redis://127.0.0.1:1' });
  await gateway.query('{ chatMessage(chatId: 602, id: 7) { id } }'); // a drift: its series exists only after the first one
  return readExposition((await gateway.send({ path: '/metrics' })).body);
}

it('lists exactly the existing metrics, with their types and labels', async () => {
  const { types, series } = await exposition();
  const exist = [...types].filter(([name]) => /^(graphql|linq)_/.test(name));
  const listed = tableOf(operations, 'metric | type | labels | counts').map(([name, type, labels]) => [
    quoted(name)[0],
    type,
    quoted(labels).toSorted(),
  ]);
  const withLabels = exist.map(([name, type]) => {
    const labels = series.get(type === 'histogram' ? `${name}_count` : name) ?? new Map();
    return [name, type, [...labels.keys()].toSorted()];
  });
  expect(withLabels.length).toBeGreaterThan(10);
  expect(listed.toSorted()).toEqual(withLabels.toSorted());
});

it('lists exactly the existing metrics of Node and the process', async () => {
  const { types } = await exposition();
  const exist = [...types.keys()].filter((name) => !/^(graphql|linq)_/.test(name));
  const [, paragraph = ''] = operations.split('as prom-client counts them by itself');
  const [, named = ''] = /^:([\s\S]*?)\. Over workers/.exec(paragraph) ?? [];
  const others = quoted(named).filter((name) => name !== 'WORKERS' && !exist.includes(name));
  expect(exist.filter((name) => !quoted(named).includes(name))).toEqual([]);
  if (process.platform === 'linux') expect(others).toEqual([]); // elsewhere there are fewer
});

it('lists exactly the existing outcomes of requests', async () => {
  const { series } = await exposition();
  const outcomes = series.get('graphql_request_duration_seconds_count')?.get('outcome') ?? new Set();
  const [row] = tableOf(operations, 'metric | type | labels | counts');
  expect(quoted(row?.[3])).toEqual([...outcomes]);
});

it('mentions no metric that does not exist', async () => {
  const { types, series } = await exposition();
  for (const page of pages) {
    const named = quoted(read(page)).flatMap((text) => text.match(/\b(graphql|linq|nodejs|process)_[a-z0-9_]+/g) ?? []);
    const unknown = named.filter((name) => !types.has(name) && !series.has(name) && name !== 'linq_chats'); // a claim of JWTs
    if (process.platform === 'linux') expect(unknown, page).toEqual([]);
  }
});

it('lists exactly the existing log fields', () => {
  const listed = tableOf(operations, 'field | holds').flatMap(([fields]) => quoted(fields));
  expect(listed.toSorted()).toEqual(['level', 'time', 'msg', 'worker', ...logFields].toSorted());
});

it('lists exactly the existing log lines', () => {
  const listed = tableOf(operations, 'line | level | when').flatMap(([lines]) => quoted(lines));
  // A program that imports the package has its own log.
  const files = globSync('src/**/*.ts', { cwd: root }).filter((file) => !file.startsWith('src/embedded/'));
  const sources = files.map((file) => read(file));
  const written = sources.flatMap((source) =>
    [...source.matchAll(/\blog(?:\.(?:fatal|error|warn|info|debug)|\[level\])\([^']*'([^']+)'/g)].map(
      ([, line]) => line,
    ),
  );
  expect(listed.toSorted()).toEqual([...new Set(written)].toSorted());
});

it('says what to do at each alert, and lists no others', () => {
  const listed = tableOf(operations, 'alert | what to do').flatMap(([alerts]) => quoted(alerts));
  const rules: { alert: string }[] = parse(read('deploy/alerts.yaml')).groups[0].rules;
  expect(listed.toSorted()).toEqual(rules.map(({ alert }) => alert).toSorted());
});

// test/config.test.ts and test/errors/public-error.test.ts test that docs/ lists exactly the existing ones.
it('mentions no variable and no error code that does not exist', () => {
  const variables = new Set<unknown>();
  readConfig(new Proxy({}, { get: (_env, name) => void variables.add(name) }));
  for (const page of pages) {
    const words = quoted(read(page)).flatMap((text) => text.match(/\b[A-Z][A-Z0-9]*_[A-Z0-9_]*[A-Z0-9]\b/g) ?? []);
    const unknown = words.filter(
      (word) =>
        !variables.has(word) &&
        !(word in errorCodes) &&
        !/^OTEL_|^GATEWAY_(CREDENTIAL|URL)$|^(CHROMIUM|REDIS|NGINX)_PATH$/.test(word),
    );
    expect(unknown, page).toEqual([]);
  }
});

it('shows a real error response', async () => {
  const [, example = ''] = /```json\n([\s\S]*?)```/.exec(read('docs/explore.md')) ?? [];
  const tab = sandboxPage.tabs.find((text) => text.includes('query FailingAndMissing'));
  await using gateway = await startTestGateway();
  const response = await gateway.query(tab ?? '', {}, { 'x-request-id': 'shown' });
  expect(response).toEqual(JSON.parse(example.replace('…', 'shown')));
});
