/**
 * `npm run soak [seconds]`: 64 clients, two tokens and an upstream of which every fifth call fails, for a minute. Beside them a
 * greedy client, one that reads a chat that always fails, and one that invents tokens. Fails on a wrong response, an error
 * without a code, a read of the 64 that was refused because the queue was full or the breaker open, and on what remains.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { pino } from 'pino';
import { startTarget } from './target.ts';
import { faultOf, increment, print, Violations } from './violations.ts';

const seconds = Number(process.argv[2] ?? 60);
/** One-time allocations happen in this time, before the baseline is measured. */
const warmUpSeconds = 10;
const clients = 64;
const tokens = ['soak-token-a', 'soak-token-b'];
/** Load whose responses are not checked. Chat 401 rejects every token, chat 500 always fails. */
const floods = [
  { name: 'greedy', clients: 4, ids: 100, chatId: 2, token: () => 'soak-token-greedy' },
  { name: 'failing chat', clients: 2, ids: 5, chatId: 500, token: () => 'soak-token-a' },
  { name: 'invented tokens', clients: 8, ids: 1, chatId: 401, token: () => `invented ${Math.random()}` },
];
/** Clients, gateway and Linq share one process: without it, clients that are refused at once would leave no time to the rest. */
const floodPauseMs = 20;
/** Longer than any read may take. */
const patientMs = 15_000;

interface Result {
  readonly data: Record<string, { id: string; text: string } | null>;
  readonly errors?: readonly { readonly path: [string]; readonly extensions: Record<string, unknown> }[];
}

const violations = new Violations();
const target = await startTarget({ LINQ_TIMEOUT_MS: '1000', LOG_LEVEL: 'silent' }, (level) => pino({ level }), {
  latencyMs: [1, 20],
  failureShare: 0.2,
  signature: (token) => ` for ${token}`,
  maxSockets: clients + 14,
});

await run(warmUpSeconds);
const before = await target.resources();
const counts = await run(seconds);
const after = await target.resources();
await target[Symbol.asyncDispose]();

const { heapMB, ...others } = after;
const grown = Object.entries(others).filter(([name, value]) => value > before[name as keyof typeof others]);
if (heapMB > before.heapMB * 1.2 + 5 || grown.length > 0) violations.add('something remains');
print({ seconds, violations: violations.count, ...counts, before, after });
process.exitCode = violations.count > 0 ? 1 : 0;

async function run(forSeconds: number) {
  const counts: Record<string, number> = {};
  const times: number[] = [];
  const until = performance.now() + forSeconds * 1_000;
  const client = async (): Promise<void> => {
    while (performance.now() < until) {
      const token = tokens[Math.floor(Math.random() * tokens.length)] as string;
      // Few ids, so that reads overlap and are shared.
      const ids = new Set(Array.from({ length: 1 + Math.random() * 5 }, () => 1 + Math.floor(Math.random() * 40)));
      const startedAt = performance.now();
      const result = await read(token, [...ids], Math.random() < 0.05 ? Math.random() * 30 : patientMs);
      times.push(performance.now() - startedAt);
      increment(counts, result === undefined ? 'disconnected' : 'operations');
      for (const id of result === undefined ? [] : ids) increment(counts, outcomeOf(result, token, `${id}`));
    }
  };
  const flood = async ({ name, ids, chatId, token }: (typeof floods)[number]): Promise<void> => {
    for (let id = 1_000; performance.now() < until; id += ids) {
      const wanted = Array.from({ length: ids }, (_, at) => 1 + ((id + at) % 1_000_000));
      await read(token(), wanted, patientMs, chatId);
      increment(counts, name);
      await wait(floodPauseMs);
    }
  };
  const all = floods.flatMap((one) => Array.from({ length: one.clients }, () => flood(one)));
  await Promise.all([...all, ...Array.from({ length: clients }, client)]);
  return { ...counts, medianMs: Math.round(times.sort((a, b) => a - b)[times.length >> 1] ?? 0) };
}

/** What became of one read: its error code, or `read`. */
function outcomeOf(result: Result | undefined, token: string, id: string): string {
  const message = result?.data[`m${id}`];
  if (message) {
    const isRight = message.id === id && message.text.endsWith(` for ${token}`);
    if (!isRight) violations.add('a wrong response', { token, id, message });
    return 'read';
  }
  const extensions = result?.errors?.find(({ path }) => path[0] === `m${id}`)?.extensions ?? {};
  const { code, retryAfterMs } = extensions;
  const fault = faultOf(extensions);
  if (fault !== undefined) violations.add(fault, { token, id, extensions });
  if (code === 'OVERLOADED') violations.add('a read that found the queue full', { token, id });
  if (code === 'UPSTREAM_UNAVAILABLE' && retryAfterMs !== undefined)
    violations.add('a read that the breaker refused', { token, id });
  return `${code}`;
}

/** Undefined for a client that has disconnected after `leaveMs`. */
async function read(token: string, ids: readonly number[], leaveMs: number, chatId = 2): Promise<Result | undefined> {
  const query = `{ ${ids.map((id) => `m${id}: chatMessage(chatId: ${chatId}, id: ${id}) { id text }`).join(' ')} }`;
  const headers = ['Host: localhost', 'Content-Type: application/json', `X-LINQ-INTEGRATION-TOKEN: ${token}`];
  const body = Buffer.from(JSON.stringify({ query }));
  const response = await target.send({ method: 'POST', path: '/graphql', headers, body }, leaveMs);
  if (response === undefined && leaveMs === patientMs) violations.add('no response', { token, ids });
  return response && JSON.parse(response.body.toString());
}
