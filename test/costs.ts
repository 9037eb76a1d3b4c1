/**
 * `npm run costs`: what one caller can cost another. Measures a caller that reads one message at a time, alone and beside each
 * flood: gateway, upstream, flood and victim are processes of their own. Fails if the victim loses a read, or if its median
 * time is more than three times as long. Arguments: the number of seconds for each measurement, and the names of floods, if not all.
 */
import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { Agent, createServer, request } from 'node:http';
import { listen } from './support/gateway.ts';

const upstreamMs = 20;
const keys = { victim: 'key-of-the-victim', flood: 'key-of-the-flood' };
const maxSlowdown = 3;

interface Target {
  readonly port: number;
  readonly headers: Record<string, string>;
}

/** `send` resolves with the body of the response, of which nothing is checked here. */
interface Flood {
  readonly name: string;
  /** Whether callers need a key. Otherwise each caller has its own token. */
  readonly withKeys: boolean;
  readonly connections: number;
  readonly body: () => string;
}

const longText = 'x'.repeat(4_000);
const unique = () => Math.ceil(Math.random() * 1e12);
const reads = (count: number, chatId: number) => () => {
  const keys = Array.from({ length: count }, () => ({ chatId, id: unique() }));
  const query = 'query ($keys: [ChatMessageKey!]!) { chatMessagesByKeys(keys: $keys) { id text } }';
  return JSON.stringify({ query, variables: { keys } });
};

/** Chat 500 always fails, chat 504 never responds, and chat 4 has long texts. */
const floods: Record<string, Flood> = {
  greedy: { name: '30 clients of one key, 100 messages each', withKeys: true, connections: 30, body: reads(100, 2) },
  invented: {
    name: '1,500 connections that invent a token for each request',
    withKeys: false,
    connections: 1_500,
    body: reads(1, 2),
  },
  failing: {
    name: '30 clients of one key that read a chat that always fails',
    withKeys: true,
    connections: 30,
    body: reads(10, 500),
  },
  hanging: {
    name: '30 clients of one key, 100 reads each that never end',
    withKeys: true,
    connections: 30,
    body: reads(100, 504),
  },
  large: {
    name: '30 clients of one key with responses just below `MAX_RESPONSE_BYTES`',
    withKeys: true,
    connections: 30,
    body: () => {
      const fields = Array.from({ length: 20 }, (_, at) => `a${at}: text`).join(' ');
      const messages = Array.from({ length: 100 }, (_, at) => `{ chatId: 4, id: ${at + 1} }`);
      return JSON.stringify({ query: `{ chatMessagesByKeys(keys: [${messages}]) { ${fields} } }` });
    },
  },
  tooLarge: {
    name: '30 clients of one key whose responses would be 800 MB each',
    withKeys: true,
    connections: 30,
    body: () => {
      const fields = Array.from({ length: 199 }, (_, at) => `a${at}: text`).join(' ');
      const query = `query ($keys: [ChatMessageKey!]!) { chatMessagesByKeys(keys: $keys) { ${fields} } }`;
      return JSON.stringify({ query, variables: { keys: Array(1_000).fill({ chatId: 4, id: 1 }) } });
    },
  },
  errors: {
    name: '30 clients of one key with 1,000 errors in each response',
    withKeys: true,
    connections: 30,
    body: () => {
      const query = 'query ($keys: [ChatMessageKey!]!) { chatMessagesByKeys(keys: $keys) { id } }';
      return JSON.stringify({ query, variables: { keys: Array(1_000).fill({ chatId: 2, id: 0 }) } });
    },
  },
  inFlight: {
    name: '2,000 requests of one key in flight, for one message that Linq never returns',
    withKeys: true,
    connections: 2_000,
    body: () => '{"query":"{ chatMessage(chatId: 504, id: 1) { id } }"}',
  },
};

const [role = '5', ...rest] = process.argv.slice(2);
if (role === 'upstream') await runUpstream();
else if (role === 'flood') runFlood(String(rest[0]), Number(rest[1]));
else await measureAll(Number(role), rest);

async function measureAll(seconds: number, names: readonly string[]): Promise<void> {
  const upstream = fork(import.meta.filename, ['upstream']);
  const [origin] = await once(upstream, 'message');
  let failed = false;
  for (const [flood, { name, withKeys }] of Object.entries(floods)) {
    if (names.length > 0 && !names.includes(flood)) continue;
    const gateway = await startGateway(String(origin), withKeys);
    const target = { port: gateway.port, headers: headersOf('victim', withKeys) };
    await victim(target, 2);
    const alone = await victim(target, seconds);
    const attacker = fork(import.meta.filename, ['flood', flood, `${gateway.port}`]);
    await victim(target, 2);
    const beside = await victim(target, seconds);
    attacker.kill();
    gateway.stop();
    const slowdown = Math.round((beside.p50 / alone.p50) * 100) / 100;
    if (beside.succeeded < beside.reads || slowdown > maxSlowdown) failed = true;
    process.stdout.write(`${JSON.stringify({ flood: name, alone, beside, slowdown })}\n`);
  }
  upstream.kill();
  process.exitCode = failed ? 1 : 0;
}

/** Reads one message at a time. Times are in milliseconds. */
async function victim(target: Target, seconds: number) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const times: number[] = [];
  let succeeded = 0;
  const errors: Record<string, number> = {};
  const until = performance.now() + seconds * 1_000;
  while (performance.now() < until) {
    const id = unique();
    const query = `{ chatMessage(chatId: 2, id: ${id}) { id text } }`;
    const startedAt = performance.now();
    const { data, errors: [error] = [] } = JSON.parse(await send(target, agent, JSON.stringify({ query })));
    times.push(performance.now() - startedAt);
    if (data?.chatMessage?.id === `${id}`) succeeded++;
    else errors[error?.extensions.code] = (errors[error?.extensions.code] ?? 0) + 1;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  agent.destroy();
  times.sort((a, b) => a - b);
  const at = (share: number) => Math.round((times[Math.floor(times.length * share)] ?? 0) * 10) / 10;
  return { reads: times.length, succeeded, p50: at(0.5), p99: at(0.99), ...errors };
}

function runFlood(name: string, port: number): void {
  const { withKeys, connections, body } = floods[name] as Flood;
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const loop = async (): Promise<void> => {
    for (;;) {
      await send({ port, headers: headersOf('flood', withKeys) }, agent, body()).catch(
        () => new Promise((resolve) => setTimeout(resolve, 100)),
      );
    }
  };
  for (let connection = 0; connection < connections; connection++) void loop();
}

function headersOf(who: 'victim' | 'flood', withKeys: boolean): Record<string, string> {
  if (withKeys) return { authorization: `Bearer ${keys[who]}` };
  return { 'x-linq-integration-token': who === 'victim' ? 'token-of-the-victim' : `invented ${unique()}` };
}

function send({ port, headers }: Target, agent: Agent, body: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const all = { ...headers, 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const outgoing = request({ port, host: '127.0.0.1', path: '/graphql', method: 'POST', headers: all, agent });
    outgoing.on('response', (response) => {
      let text = '';
      response.on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () => resolve(text));
      response.on('error', reject);
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

async function runUpstream(): Promise<void> {
  const server = createServer((incoming, response) => {
    const [, chatId = '', id = ''] = /chats\/(\d+)\/chat_messages\/(\d+)$/.exec(incoming.url ?? '') ?? [];
    if (chatId === '504') return;
    setTimeout(() => {
      if (/^invented/.test(String(incoming.headers['x-linq-integration-token']))) response.writeHead(401).end();
      else if (chatId === '500') response.writeHead(500).end();
      else {
        const text = chatId === '4' ? longText : 'Hello';
        response.end(`{"data":{"id":${id},"text":"${text}","attachments":[],"reactions":[]}}`);
      }
    }, upstreamMs);
  });
  process.send?.(await listen(server));
}

async function startGateway(origin: string, withKeys: boolean) {
  const env = {
    PATH: process.env['PATH'],
    PORT: '0',
    LINQ_API_URL: origin,
    LOG_LEVEL: 'info',
    ...(withKeys && { GATEWAY_API_KEYS: Object.values(keys).join(), LINQ_INTEGRATION_TOKEN: 'token-of-the-gateway' }),
  };
  const program = new URL('../src/cli.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, [program], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const port = await new Promise<number>((resolve) => {
    child.stdout.on('data', (chunk) => {
      const found = /127\.0\.0\.1:(\d+)/.exec(String(chunk))?.[1];
      if (found !== undefined) resolve(Number(found));
    });
  });
  return { port, stop: () => child.kill('SIGKILL') };
}
