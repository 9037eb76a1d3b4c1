/**
 * `npm run soak [seconds]`: 64 clients, two tokens and an upstream of which every fifth call fails, for a minute. Beside them a
 * greedy client, one that reads a chat that always fails, and one that invents tokens. Fails on a wrong response, an error
 * without a code, a read of the 64 that was refused because the queue was full or the breaker open, and on what remains.
 */
import { setTimeout as wait } from 'node:timers/promises';
import fc from 'fast-check';
import { pino } from 'pino';
import { exchange } from './exchange.ts';
import { bytesOf, postTo } from './framing.ts';
import { faultOf, Judge, print } from './judge.ts';
import { startTarget } from './target.ts';

const seconds = Number(process.argv[2] ?? 60);
const clients = 64;
/** Longer than any read may take. */
const patientMs = 15_000;
/** Few ids, so that reads overlap and are shared. */
const operation = fc.record({
  token: fc.constantFrom('soak-token-a', 'soak-token-b'),
  ids: fc.uniqueArray(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 }),
  leaveMs: fc.oneof(
    { weight: 19, arbitrary: fc.constant(patientMs) },
    { weight: 1, arbitrary: fc.integer({ min: 1, max: 30 }) },
  ),
});
/** Load whose responses are not checked. Chat 401 rejects every token, chat 500 always fails. */
const floods = [
  { name: 'greedy', clients: 4, ids: 100, chatId: 2, token: () => 'soak-token-greedy' },
  { name: 'failing chat', clients: 2, ids: 5, chatId: 500, token: () => 'soak-token-a' },
  { name: 'invented tokens', clients: 8, ids: 1, chatId: 401, token: () => `invented ${Math.random()}` },
];
/** Clients, gateway and Linq share one process: without it, clients that are refused at once would leave no time to the rest. */
const floodPauseMs = 20;

interface Result {
  readonly data: Record<string, { id: string; text: string } | null>;
  readonly errors?: readonly { readonly path: [string]; readonly extensions: Record<string, unknown> }[];
}

const judge = new Judge();
const target = await startTarget({ LINQ_TIMEOUT_MS: '1000', LOG_LEVEL: 'silent' }, (level) => pino({ level }), {
  latencyMs: [1, 20],
  failureShare: 0.2,
  signature: (token) => ` for ${token}`,
});

const { before, after } = await target.measure(run, seconds);
await target[Symbol.asyncDispose]();

const { heapMB, ...others } = after;
const grown = Object.entries(others).filter(([name, value]) => value > before[name as keyof typeof others]);
if (heapMB > before.heapMB * 1.2 + 5 || grown.length > 0) judge.add('something remains');
print({ seconds, violations: judge.violations, ...judge.counts, before, after });
process.exitCode = judge.violations > 0 ? 1 : 0;

async function run(forSeconds: number): Promise<void> {
  judge.counts = {};
  const until = performance.now() + forSeconds * 1_000;
  const client = async (): Promise<void> => {
    while (performance.now() < until) {
      for (const { token, ids, leaveMs } of fc.sample(operation, 1)) {
        const result = await read(token, ids, leaveMs);
        judge.count(result === undefined ? 'disconnected' : 'operations');
        for (const id of result === undefined ? [] : ids) judge.count(outcomeOf(result, token, `${id}`));
      }
    }
  };
  const flood = async ({ name, ids, chatId, token }: (typeof floods)[number]): Promise<void> => {
    for (let id = 1_000; performance.now() < until; id += ids) {
      const wanted = Array.from({ length: ids }, (_, at) => 1 + ((id + at) % 1_000_000));
      await read(token(), wanted, patientMs, chatId);
      judge.count(name);
      await wait(floodPauseMs);
    }
  };
  const all = floods.flatMap((one) => Array.from({ length: one.clients }, () => flood(one)));
  await Promise.all([...all, ...Array.from({ length: clients }, client)]);
}

/** What became of one read: its error code, or `read`. */
function outcomeOf(result: Result | undefined, token: string, id: string): string {
  const message = result?.data[`m${id}`];
  if (message) {
    const isRight = message.id === id && message.text.endsWith(` for ${token}`);
    if (!isRight) judge.add('a wrong response', { token, id, message });
    return 'read';
  }
  const extensions = result?.errors?.find(({ path }) => path[0] === `m${id}`)?.extensions ?? {};
  const { code, retryAfterMs } = extensions;
  const fault = faultOf(extensions);
  if (fault !== undefined) judge.add(fault, { token, id, extensions });
  if (code === 'OVERLOADED') judge.add('a read that found the queue full', { token, id });
  if (code === 'UPSTREAM_UNAVAILABLE' && retryAfterMs !== undefined)
    judge.add('a read that the breaker refused', { token, id });
  return `${code}`;
}

/** Undefined for a client that has disconnected after `leaveMs`. */
async function read(token: string, ids: readonly number[], leaveMs: number, chatId = 2): Promise<Result | undefined> {
  const query = `{ ${ids.map((id) => `m${id}: chatMessage(chatId: ${chatId}, id: ${id}) { id text }`).join(' ')} }`;
  const message = postTo('/graphql', { query }, `X-LINQ-INTEGRATION-TOKEN: ${token}`);
  const { responses } = await exchange(target.port, [{ pieces: [bytesOf(message)], timeoutMs: leaveMs }]);
  const response = responses[0];
  if (response === undefined && leaveMs === patientMs) judge.add('no response', { token, ids });
  return response && JSON.parse(response.body.toString());
}
