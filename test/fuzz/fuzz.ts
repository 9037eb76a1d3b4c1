/**
 * `npm run fuzz [seconds] [seed]`: sends malformed and hostile requests and webhooks for a minute, mixed with valid ones whose
 * responses are checked. The seed determines every request. Fails on a 5xx other than 503, an error without code or request id, a
 * call to Linq on behalf of a refused request, a wrong or missing response or event, a crash, and on sockets, timers or memory
 * that remain. Then tests the properties of `npm test` with more random cases.
 */
import { spawnSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { pino } from 'pino';
import { openStream } from '../support/streams.ts';
import { secret, webhook, signatureOf as webhookSignature } from '../support/webhooks.ts';
import { exchange } from './exchange.ts';
import { bytesOf, type Message, postTo } from './framing.ts';
import { connections, type FuzzRequest, ownToken, validRequest } from './fuzz-request.ts';
import { apiKey, page } from './headers.ts';
import { Judge, print } from './judge.ts';
import { signatureOf } from './operation.ts';
import { startTarget } from './target.ts';

const seconds = Number(process.argv[2] ?? 60);
const seed = Number(process.argv[3] ?? 20_260_101);
const clients = 24;
/** A well-formed request without a response after this time counts as unanswered. */
const responseTimeoutMs = 15_000;
/** Short, because a malformed request may get no response. */
const malformedTimeoutMs = 100;
/** Allows for the caches of documents and compiled operations. */
const maxHeapGrowthMB = 40;
/** Connections are made in batches of this size. */
const batch = 200;
/** Of a caller that is over its rate: operations at once, of a hundred reads each. */
const overloadOperations = 100;
/** More than all other requests together need. */
const callerReadsPerSecond = 1_200;
/** How many times as many random cases as `npm test`, for each second. */
const casesPerSecond = 0.4;

const greedyKey = 'fuzz-key-of-a-greedy-caller';
const judge = new Judge([apiKey, greedyKey, ownToken, secret]);
const target = await startTarget(
  {
    LINQ_INTEGRATION_TOKEN: ownToken,
    LINQ_TIMEOUT_MS: '4000', // a valid request must not time out because the machine is busy
    LINQ_WEBHOOK_SECRETS: secret,
    GATEWAY_API_KEYS: `${apiKey},${greedyKey}`,
    CALLER_READS_PER_SECOND: `${callerReadsPerSecond}`,
    CORS_ORIGINS: page,
    LOG_LEVEL: 'error',
  },
  (level) => pino({ level }, { write: (line) => judge.add(`an error in the log: ${line}`) }),
  {
    signature: signatureOf,
    onCall: ({ path, headers }) =>
      judge.called(String(headers['x-linq-integration-token']), headers.authorization, path),
  },
);
const generated = generate();
let sent = 0;
let slowestMs = 0;
let events = 0;

const { before, after } = await target.measure(run, seconds);
const reached = ['OVERLOADED', 'RATE_LIMITED', 'events', 'streams', 'pipelined'];
for (const each of reached) if (judge.counts[each] === undefined) judge.add(`no ${each}`);
await target[Symbol.asyncDispose]();
if (after.sockets > 0 || after.timers > 0) judge.add('sockets or timers remain');
if (after.heapMB > before.heapMB + maxHeapGrowthMB) judge.add('the heap has grown');
print({ seed, seconds, requests: sent, violations: judge.violations, ...judge.counts, slowestMs, before, after });

const files = globSync('test/**/*.test.ts').filter((file) => readFileSync(file, 'utf8').includes('support/runs.ts'));
const properties = spawnSync(
  process.execPath,
  ['node_modules/vitest/vitest.mjs', 'run', '--testTimeout=3600000', ...files],
  {
    env: { ...process.env, RUNS_FACTOR: `${Math.max(1, casesPerSecond * seconds)}`, DIFFERENTIAL_SEED: `${seed}` },
    stdio: 'inherit',
  },
);
process.exitCode = judge.violations > 0 || properties.status !== 0 ? 1 : 0;

async function run(forSeconds: number): Promise<void> {
  const until = performance.now() + forSeconds * 1_000;
  const whileTime = async (task: () => Promise<void>): Promise<void> => {
    while (performance.now() < until) await task();
  };
  // Only callers that were active in the last minute have a share of the connections.
  await send(fc.sample(validRequest, { numRuns: 1, seed }));
  const random = () => {
    const { requests, isPipelined } = generated.next().value;
    return send(requests, isPipelined);
  };
  await Promise.all([overload(), whileTime(follow), ...Array.from({ length: clients }, () => whileTime(random))]);
}

function* generate(): Generator<{ requests: readonly FuzzRequest[]; isPipelined: boolean }, never> {
  const all = connections(seed);
  for (let made = 0; ; made += batch) yield* fc.sample(all, { numRuns: batch, seed: seed + made });
}

async function send(requests: readonly FuzzRequest[], isPipelined = false): Promise<void> {
  sent += requests.length;
  for (const request of requests) if (request.isEndless) judge.refuse(request);
  const startedAt = performance.now();
  const bytes = requests.map(({ pieces, leavesAfter, isWellFormed, method }) => ({
    ...{ pieces, leavesAfter, isHead: method === 'HEAD' },
    timeoutMs: isWellFormed ? responseTimeoutMs : malformedTimeoutMs,
  }));
  const { responses, surplus } = await exchange(target.port, bytes, isPipelined);
  for (const [index, response] of responses.entries()) {
    judge.judge(requests[index] as FuzzRequest, response);
    if (isPipelined && index > 0 && response !== undefined) judge.count('pipelined');
  }
  const last = requests.at(-1);
  if (last?.isWellFormed && surplus > 0) judge.report('bytes after the response', last, responses.at(-1));
  slowestMs = Math.max(slowestMs, Math.round(performance.now() - startedAt));
}

/** A caller that fills the queue with reads that never end, and is over its rate. It must not affect the valid requests. */
async function overload(): Promise<void> {
  const query = 'query ($keys: [ChatMessageKey!]!) { chatMessagesByKeys(keys: $keys) { id } }';
  const all = Array.from({ length: overloadOperations }, (_, operation) => {
    const keys = Array.from({ length: 100 }, (_, id) => ({ chatId: 504, id: 1 + operation * 100 + id }));
    return send([toRequest(postTo('/graphql', { query, variables: { keys } }, `Authorization: Bearer ${greedyKey}`))]);
  });
  await Promise.all(all);
}

/** Subscribes to chat 2, delivers a webhook, and checks that its event arrives, and none of those that are forged. */
async function follow(): Promise<void> {
  const id = `${++events}`;
  const accept = events % 2 === 0 ? 'text/event-stream' : 'multipart/mixed;subscriptionSpec=1.0';
  const url = `http://127.0.0.1:${target.port}/graphql`;
  const headers = { accept, authorization: `Bearer ${apiKey}` };
  await using stream = await openStream({ url }, { variables: { chatIds: ['2'] }, headers });
  const timer = setTimeout(() => stream.close(), responseTimeoutMs);
  const body = webhook({}, { chat_id: '2', id });
  const signature = `X-Webhook-Signature: ${webhookSignature(JSON.stringify(body))}`;
  await send([toRequest(postTo('/webhooks/linq', body, signature), [200])]);
  const event = await stream.event();
  clearTimeout(timer);
  const isRight = event.messageId === id && event.chatId === '2' && event.message?.id === id;
  if (!isRight || !event.message.text.endsWith(signatureOf(ownToken))) judge.add('a wrong event', { id, event });
  else judge.count('events');
}

function toRequest(message: Message, statuses?: readonly number[]): FuzzRequest {
  const unset = { token: undefined, requestId: undefined, data: undefined, leavesAfter: undefined };
  const pieces = [bytesOf(message)];
  return { ...message, ...unset, statuses, pieces, isWellFormed: true, isEndless: false, mayRead: true };
}
