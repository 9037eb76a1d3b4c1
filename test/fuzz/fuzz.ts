/**
 * `npm run fuzz [seconds] [seed]`: sends malformed and hostile requests for a minute, mixed with valid ones whose responses are
 * checked. The seed determines every request. Fails on a 5xx other than 503, an error without code or request id, a call to
 * Linq on behalf of a refused request, a wrong or missing response, a crash, and on sockets, timers or memory that remain. Then
 * tests the properties of `npm test` with more random cases.
 */
import { spawnSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { pino } from 'pino';
import { bodyFor, document } from '../graphql/fast-path/requests.ts';
import { apiKey, type FuzzRequest, page, signatureOf, tokenOf } from './fuzz-request.ts';
import { Judge } from './judge.ts';
import { randomRequest, wrongCredentials } from './random-request.ts';
import { sendBytes } from './raw-connection.ts';
import { startTarget } from './target.ts';
import { validRequest } from './valid-request.ts';
import { print, Violations } from './violations.ts';

const seconds = Number(process.argv[2] ?? 60);
const seed = Number(process.argv[3] ?? 20_260_101);
/** One-time allocations happen in this time, before the baseline is measured. */
const warmUpSeconds = 10;
const clients = 24;
/** A well-formed request without a response after this time counts as unanswered. */
const responseTimeoutMs = 15_000;
/** Short, because a malformed request may get no response. */
const malformedTimeoutMs = 100;
/** Allows for the caches of documents and compiled operations. */
const maxHeapGrowthMB = 40;
/** Documents that are sent repeatedly. */
const knownDocuments = 200;
/** Requests are made in batches of this size. */
const batch = 200;
/** Of a caller that is over its rate: operations at once, of a hundred reads each. */
const overloadOperations = 100;
/** More than all other requests together need. */
const callerReadsPerSecond = 1_200;
/** How many times as many random cases as `npm test`, for each second. */
const casesPerSecond = 0.4;

const greedyKey = 'fuzz-key-of-a-greedy-caller';
const ownToken = 'fuzz-linq-token-of-the-gateway';
const violations = new Violations();
const judge = new Judge(violations, [greedyKey, ownToken]);
const target = await startTarget(
  {
    LINQ_INTEGRATION_TOKEN: ownToken,
    LINQ_TIMEOUT_MS: '4000', // a valid request must not time out because the machine is busy
    GATEWAY_API_KEYS: `${apiKey},${greedyKey}`,
    CALLER_READS_PER_SECOND: `${callerReadsPerSecond}`,
    CORS_ORIGINS: page,
    LOG_LEVEL: 'error',
  },
  (level) => pino({ level }, { write: (line) => violations.add(`an error in the log: ${line}`) }),
  {
    maxSockets: clients + overloadOperations,
    signature: signatureOf,
    onCall: ({ path, headers }) =>
      judge.called(String(headers['x-linq-integration-token']), headers.authorization, path),
  },
);

const valid = validRequest(ownToken, ['fuzz-linq-token-of-a-caller']);
const random = randomRequest(
  fc
    .constantFrom(...fc.sample(document, { numRuns: knownDocuments, seed }))
    .chain((one) => bodyFor([one]))
    .map((body) => body()),
);
/** Valid but for its credential. */
const unauthenticated = fc.tuple(valid, fc.constantFrom(...wrongCredentials)).map(([request, wrong]) => {
  const { headers } = request;
  const others = headers.filter((line) => !/^(Authorization|X-LINQ)/.test(line));
  return (index: number): FuzzRequest => {
    const token = tokenOf(index);
    const changed = [...others, `Authorization: ${wrong}`, `X-LINQ-INTEGRATION-TOKEN: ${token}`];
    const refused = { headers: changed, pieces: undefined, mayRead: false, expected: undefined };
    return { ...request, index, token, ...refused };
  };
});
const requests = fc.oneof(
  { weight: 3, arbitrary: unauthenticated },
  {
    weight: 15,
    arbitrary: valid.map(
      (request) =>
        (index: number): FuzzRequest => ({ ...request, index }),
    ),
  },
  { weight: 85, arbitrary: random },
);
let ready: FuzzRequest[] = [];
let sent = 0;
let slowestMs = 0;

await run(warmUpSeconds);
const before = await target.resources();
await run(seconds);
const after = await target.resources();
for (const code of ['OVERLOADED', 'RATE_LIMITED']) if (judge.codes[code] === undefined) violations.add(`no ${code}`);
await target[Symbol.asyncDispose]();
if (after.sockets > 0 || after.timers > 0) violations.add('sockets or timers remain');
if (after.heapMB > before.heapMB + maxHeapGrowthMB) violations.add('the heap has grown');
const { counts, statuses, codes } = judge;
print({
  seed,
  seconds,
  requests: sent,
  violations: violations.count,
  ...counts,
  statuses,
  codes,
  slowestMs,
  before,
  after,
});

const files = globSync('test/**/*.test.ts').filter((file) => readFileSync(file, 'utf8').includes('support/runs.ts'));
const properties = spawnSync(
  process.execPath,
  ['node_modules/vitest/vitest.mjs', 'run', '--testTimeout=3600000', ...files],
  {
    env: { ...process.env, RUNS_FACTOR: `${Math.max(1, casesPerSecond * seconds)}`, DIFFERENTIAL_SEED: `${seed}` },
    stdio: 'inherit',
  },
);
process.exitCode = violations.count > 0 || properties.status !== 0 ? 1 : 0;

async function run(forSeconds: number): Promise<void> {
  const until = performance.now() + forSeconds * 1_000;
  const client = async (): Promise<void> => {
    while (performance.now() < until) await send(next());
  };
  // Only callers that were active in the last minute have a share of the connections.
  const [first] = fc.sample(valid, { numRuns: 1, seed });
  if (first !== undefined) await send({ ...first, index: sent });
  await Promise.all([overload(), ...Array.from({ length: clients }, client)]);
}

function next(): FuzzRequest {
  if (ready.length === 0) {
    ready = fc.sample(requests, { numRuns: batch, seed: seed + sent }).map((make, index) => make(sent + index));
  }
  return ready.shift() as FuzzRequest;
}

async function send(request: FuzzRequest): Promise<void> {
  sent++;
  if (request.isEndless) judge.refuse(request);
  const startedAt = performance.now();
  const { pieces, disconnectsAfter, isWellFormed, method } = request;
  const timeoutMs = isWellFormed ? responseTimeoutMs : malformedTimeoutMs;
  const bytes = pieces && { pieces, disconnectsAfter, isHead: method === 'HEAD', timeoutMs };
  judge.judge(request, await (bytes ? sendBytes(target.port, bytes) : target.send(request, responseTimeoutMs)));
  slowestMs = Math.max(slowestMs, Math.round(performance.now() - startedAt));
}

/** A caller that fills the queue with reads that never end, and is over its rate. It must not affect the valid requests. */
async function overload(): Promise<void> {
  const query = 'query ($keys: [ChatMessageKey!]!) { chatMessagesByKeys(keys: $keys) { id } }';
  const headers = ['Host: localhost', 'Content-Type: application/json', `Authorization: Bearer ${greedyKey}`];
  const all = Array.from({ length: overloadOperations }, (_, operation) => {
    const keys = Array.from({ length: 100 }, (_, id) => ({ chatId: 504, id: 1 + operation * 100 + id }));
    const body = Buffer.from(JSON.stringify({ query, variables: { keys } }));
    return send({
      ...{ index: -1, method: 'POST', path: '/graphql', headers, body, token: undefined, pieces: undefined },
      ...{ disconnectsAfter: undefined, isWellFormed: true, isEndless: false, mayRead: true },
      ...{ requestId: undefined, expected: undefined },
    });
  });
  await Promise.all(all);
}
