/** Load from a process of its own: wrk where it is installed, else autocannon. */
import { execFile } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import autocannon from 'autocannon';
import { largeIds, type Operation } from './operations.ts';
import { cores, has, pinned } from './processes.ts';

const run = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), 'bench-load-'));
let nextId = 1;

/** A body with ids of its own each time; for the large messages those that exist. */
export function bodyOf({ query, chatId, idVariables }: Operation): string {
  const id = () => (chatId === '4' ? 1 + (nextId++ % largeIds) : nextId++);
  const variables = Object.fromEntries([['chatId', chatId], ...idVariables.map((name) => [name, `${id()}`])]);
  return JSON.stringify({ query, variables });
}

/** Requests a second that `connections` callers get through in `seconds`. */
export async function throughput(
  url: string,
  operation: Operation,
  seconds: number,
  connections = 32,
  core = cores.others,
): Promise<number> {
  if (!has('wrk')) return (await cannon(url, operation, { connections, duration: seconds })).requests.average;
  const script = join(folder, `${operation.name}.lua`);
  writeFileSync(script, luaScript(operation));
  const { stdout } = await run(
    ...pinned(core, ['wrk', '-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '10s', '-s', script, url]),
  );
  const bad = /Non-2xx or 3xx responses: (\d+)/.exec(stdout)?.[1] ?? /Socket errors: (.*)/.exec(stdout)?.[1];
  if (bad !== undefined) throw new Error(`${url}: ${bad} bad answers to ${operation.name}`);
  return Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]);
}

/** The 99th percentile of response times at `rate` requests a second from 32 clients, in milliseconds. */
export async function latency(url: string, operation: Operation, rate: number, seconds: number): Promise<number> {
  return (await cannon(url, operation, { connections: 32, overallRate: rate, duration: seconds })).latency.p99;
}

async function cannon(url: string, operation: Operation, options: Partial<autocannon.Options>) {
  const result = await autocannon({
    ...options,
    url,
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    requests: [{ setupRequest: (request: object) => ({ ...request, body: bodyOf(operation) }) }],
  });
  const bad = result.errors + result.non2xx;
  if (bad > 0) throw new Error(`${url}: ${bad} bad answers to ${operation.name}`);
  return result;
}

function luaScript({ query, chatId, idVariables }: Operation): string {
  const head = `{"query":${JSON.stringify(query)},"variables":{"chatId":"${chatId}"`;
  const id = chatId === '4' ? `(1 + n % ${largeIds})` : 'n';
  const variables = idVariables
    .map((name) => `n = n + 1; body[#body + 1] = ',"${name}":"' .. ${id} .. '"'`)
    .join('\n  ');
  // Each run starts somewhere else, so that nobody asks for what an earlier one asked for.
  return `
math.randomseed(os.time())
local n = math.random(1, 1000000) * 1000
local head = [==[${head}]==]
wrk.method = "POST"
wrk.headers["content-type"] = "application/json"
function request()
  local body = { head }
  ${variables}
  body[#body + 1] = "}}"
  return wrk.format(nil, nil, nil, table.concat(body))
end
`;
}
