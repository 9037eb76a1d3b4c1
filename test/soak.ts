/**
 * `npm run soak`: 64 callers, two tokens and an upstream of which every fifth call goes wrong, for a minute (or as many
 * seconds as the argument says). Beside them, a greedy caller, one that reads a chat that always fails, and one that invents
 * tokens. Fails on a wrong answer, an error without a code, a read of the 64 that was refused for lack of room or because the
 * breaker was open, or anything left behind afterwards.
 */
import { readdirSync } from 'node:fs';
import { Agent, createServer, request } from 'node:http';
import { pino } from 'pino';
import { readConfig } from '../src/config.ts';
import { errorCodes } from '../src/errors/codes.ts';
import { createGateway } from '../src/gateway.ts';
import { startSandbox } from '../src/sandbox/sandbox.ts';
import { listen } from './support/gateway.ts';

const seconds = Number(process.argv[2] ?? 60);
const callers = 64;
const tokens = ['soak-token-a', 'soak-token-b'];
/** What the floods read; their answers are not checked. Chat 401 rejects every token, chat 500 always fails. */
const floods = [
  { name: 'greedy', clients: 4, ids: 100, chatId: 2, token: () => 'soak-token-greedy' },
  { name: 'failing chat', clients: 2, ids: 5, chatId: 500, token: () => 'soak-token-a' },
  { name: 'invented tokens', clients: 8, ids: 1, chatId: 401, token: () => `invented ${Math.random()}` },
];

/** Clients, gateway and Linq share one process here: without it, clients that are refused at once would leave no time to the rest. */
const floodPauseMs = 20;

interface Answer {
  readonly data: Record<string, { id: string; text: string } | null>;
  readonly errors?: readonly { path: [string]; extensions: { code: string; retryAfterMs?: number } }[];
}

const sandbox = await startSandbox({
  latencyMs: [1, 20],
  failureShare: 0.2,
  signature: (token) => ` for ${token}`,
});
const config = readConfig({ LINQ_API_URL: sandbox.origin, LINQ_TIMEOUT_MS: '1000', LOG_LEVEL: 'silent' });
const gateway = createGateway(config, pino({ level: config.logLevel }));
const server = createServer(gateway.handle);
const origin = await listen(server);
const agent = new Agent({ keepAlive: true, maxSockets: callers + 14 });

await run(10); // what is allocated once, is allocated before the base is taken
await idle();
const base = resources();
const tally = await run(seconds);
await idle();
const after = resources();

agent.destroy();
server.close();
await gateway.close();
await sandbox[Symbol.asyncDispose]();

const grown = Object.entries(after).filter(([name, value]) => {
  const before = base[name as keyof typeof base];
  return name === 'heapMB' ? value > before * 1.2 + 5 : value > before;
});
print({ 'operations, reads and answers': tally, 'left at the base': base, 'left afterwards': after });
const displaced = (tally.codes['OVERLOADED'] ?? 0) + tally.refusedByBreaker;
const failed = tally.wrong > 0 || tally.uncoded > 0 || displaced > 0 || grown.length > 0;
print(
  failed
    ? { FAILED: { wrong: tally.wrong, uncoded: tally.uncoded, displaced, grown } }
    : { result: 'nothing wrong, nothing left behind' },
);
process.exitCode = failed ? 1 : 0;

async function run(forSeconds: number) {
  const found = {
    operations: 0,
    reads: 0,
    answered: 0,
    wrong: 0,
    uncoded: 0,
    left: 0,
    refusedByBreaker: 0,
    codes: {} as Record<string, number>,
    floods: {} as Record<string, number>,
    p50: 0,
  };
  const times: number[] = [];
  const until = performance.now() + forSeconds * 1_000;
  const caller = async (): Promise<void> => {
    while (performance.now() < until) {
      const token = pick(tokens);
      // Few ids, so that reads overlap and are shared.
      const ids = [
        ...new Set(Array.from({ length: 1 + Math.floor(Math.random() * 5) }, () => 1 + Math.floor(Math.random() * 40))),
      ];
      const startedAt = performance.now();
      const answer = await ask(token, ids, Math.random() < 0.05 ? Math.random() * 30 : undefined);
      times.push(performance.now() - startedAt);
      found.operations++;
      if (answer === undefined) {
        found.left++;
        continue;
      }
      found.reads += ids.length;
      for (const id of ids) check(found, answer, token, `${id}`);
    }
  };
  const progress = setInterval(
    () => print({ operations: found.operations, wrong: found.wrong, uncoded: found.uncoded }),
    10_000,
  );
  const flood = async ({ name, ids, chatId, token }: (typeof floods)[number]): Promise<void> => {
    for (let id = 1_000; performance.now() < until; id += ids) {
      const wanted = Array.from({ length: ids }, (_, at) => 1 + ((id + at) % 1_000_000));
      await ask(token(), wanted, undefined, chatId);
      found.floods[name] = (found.floods[name] ?? 0) + 1;
      await new Promise((resolve) => setTimeout(resolve, floodPauseMs));
    }
  };
  const all = floods.flatMap((one) => Array.from({ length: one.clients }, () => flood(one)));
  await Promise.all([...all, ...Array.from({ length: callers }, caller)]);
  found.p50 = Math.round(times.sort((a, b) => a - b)[times.length >> 1] ?? 0);
  clearInterval(progress);
  return found;
}

function check(found: Awaited<ReturnType<typeof run>>, answer: Answer, token: string, id: string): void {
  const message = answer.data[`m${id}`];
  const { code, retryAfterMs } = answer.errors?.find(({ path }) => path[0] === `m${id}`)?.extensions ?? {};
  if (message) {
    found.answered++;
    if (message.id !== id || !message.text.endsWith(` for ${token}`)) found.wrong++;
  } else if (code === undefined || !Object.hasOwn(errorCodes, code) || code === 'INTERNAL_SERVER_ERROR') {
    found.uncoded++;
  } else {
    found.codes[code] = (found.codes[code] ?? 0) + 1;
    if (code === 'UPSTREAM_UNAVAILABLE' && retryAfterMs !== undefined) found.refusedByBreaker++;
  }
}

/** Undefined for a caller that hung up after `leaveAfterMs`. */
function ask(token: string, ids: readonly number[], leaveAfterMs?: number, chatId = 2): Promise<Answer | undefined> {
  const query = `{ ${ids.map((id) => `m${id}: chatMessage(chatId: ${chatId}, id: ${id}) { id text }`).join(' ')} }`;
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'x-linq-integration-token': token };
    const outgoing = request(`${origin}/graphql`, { method: 'POST', headers, agent }, (response) => {
      let body = '';
      response.on('data', (chunk) => {
        body += chunk;
      });
      response.on('end', () => resolve(JSON.parse(body)));
      response.on('error', () => resolve(undefined));
    });
    let left = false;
    const leave = () => {
      left = true;
      outgoing.destroy();
    };
    const timer = leaveAfterMs === undefined ? undefined : setTimeout(leave, leaveAfterMs);
    outgoing.once('close', () => clearTimeout(timer));
    outgoing.on('error', (error) => (left ? resolve(undefined) : reject(error)));
    outgoing.end(JSON.stringify({ query }));
  });
}

/** Waits until every kept-alive connection has had its time. */
async function idle(): Promise<void> {
  agent.destroy();
  await new Promise((resolve) => setTimeout(resolve, 25_000));
}

function resources() {
  globalThis.gc?.();
  const active = process.getActiveResourcesInfo();
  const count = (name: string) => active.filter((resource) => resource === name).length;
  return {
    timers: count('Timeout'),
    sockets: count('TCPSocketWrap'),
    fileDescriptors: readdirSync('/proc/self/fd').length,
    heapMB: Math.round(process.memoryUsage().heapUsed / 1e5) / 10,
  };
}

function pick<T>(items: readonly T[]): T {
  return items[Math.floor(Math.random() * items.length)] as T;
}

function print(value: object): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}
