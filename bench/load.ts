/** Sends load from a process of its own, wrk where it is installed, and checks the responses while it runs. */
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import autocannon from 'autocannon';
import { largeIds } from './operations.ts';
import { cores, has, pinned, scratch } from './processes.ts';
import { checker, idsOf, nextIds, render, type Template, type Verified } from './verify.ts';

const run = promisify(execFile);

export interface Load {
  readonly requests: number;
  readonly perSecond: number;
}

/** As many requests as `connections` clients get through. Throws when a response is wrong. */
export async function throughput(
  target: Verified,
  seconds: number,
  connections = 32,
  core = cores.others,
): Promise<Load> {
  if (!has('wrk')) {
    const { requests } = await cannon(target, { connections, duration: seconds });
    return { requests: requests.total, perSecond: requests.average };
  }
  const script = join(scratch, 'load.lua');
  writeFileSync(script, luaScript(target));
  const { stdout } = await run(
    ...pinned(core, [
      ...['wrk', '-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '10s', '-s', script],
      target.server.url,
    ]),
  );
  const [, requests, microseconds, bad, sample] =
    /^checked (\d+) requests in (\d+) us, (\d+) bad: (.*)/ms.exec(stdout) ?? [];
  if (requests === undefined || Number(requests) === 0 || bad !== '0') {
    throw new Error(
      `${target.server.name}: wrong responses to ${target.operation.name} under load:\n${sample ?? stdout}`,
    );
  }
  return { requests: Number(requests), perSecond: (Number(requests) * 1e6) / Number(microseconds) };
}

/** Response times at `rate` requests a second from 32 clients. */
export async function latency(
  target: Verified,
  rate: number,
  seconds: number,
): Promise<{ p99: number; reached: number }> {
  const { latency, requests } = await cannon(target, { connections: 32, overallRate: rate, duration: seconds });
  return { p99: latency.p99, reached: requests.average };
}

async function cannon(target: Verified, options: Partial<autocannon.Options>) {
  const { operation, request, server } = target;
  const start = nextIds(operation);
  const check = checker(target, start);
  let sent = 0;
  const next = () => start + (operation.chatId === '4' ? sent++ % largeIds : sent++ * idsOf(operation));
  const result = await autocannon({
    ...options,
    url: server.url,
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    requests: [{ setupRequest: (ask: object) => ({ ...ask, body: render(request, next()) }) }],
    verifyBody: (body) => check(String(body)),
  });
  const bad = result.errors + result.non2xx + result.mismatches;
  if (bad > 0 || result.requests.total === 0) {
    throw new Error(
      `${server.name}: ${bad} of ${result.requests.total} responses to ${operation.name} wrong under load`,
    );
  }
  return result;
}

/** For wrk: sends the requests, and checks the responses as `checker` does. */
function luaScript({ operation, request, response }: Verified): string {
  const start = nextIds(operation);
  const belongs =
    operation.chatId === '4' ? `first < ${start + largeIds}` : `(first - ${start}) % ${idsOf(operation)} == 0`;
  return `
${luaTemplate('asked', request)}
${luaTemplate('expected', response)}
local n = 0
seen = 0
bad = 0
sample = ""
wrk.method = "POST"
wrk.headers["content-type"] = "application/json"

local function render(template, first)
  local parts = {}
  for index, offset in ipairs(template.offsets) do
    parts[#parts + 1] = template.pieces[index]
    parts[#parts + 1] = first + offset
  end
  parts[#parts + 1] = template.pieces[#template.pieces]
  return table.concat(parts)
end

function request()
  local first = ${start} + n
  n = ${operation.chatId === '4' ? `(n + 1) % ${largeIds}` : `n + ${idsOf(operation)}`}
  return wrk.format(nil, nil, nil, render(asked, first))
end

local length = #render(expected, ${start})
local head = expected.pieces[1]
local tail = expected.pieces[#expected.pieces]

local function right(body)
  if #body ~= length or body:sub(1, #head) ~= head or body:sub(-#tail) ~= tail then return false end
  if seen % 16 ~= 1 then return true end
  local first = tonumber(body:sub(#head + 1, #head + 10))
  if first == nil then return false end
  first = first - (expected.offsets[1])
  return first >= ${start} and ${belongs} and body == render(expected, first)
end

function response(status, headers, body)
  seen = seen + 1
  if status ~= 200 or not right(body) then
    bad = bad + 1
    sample = status .. " " .. body:sub(1, 1000)
  end
end

local threads = {}
function setup(thread) threads[#threads + 1] = thread end
function done(summary)
  local errors = summary.errors
  local socket = errors.connect + errors.read + errors.write + errors.timeout
  local checked, wrong, last = 0, 0, ""
  for _, thread in ipairs(threads) do
    checked = checked + thread:get("seen")
    wrong = wrong + thread:get("bad")
    last = thread:get("sample")
  end
  -- A response that nobody checked is a wrong one.
  local unchecked = math.max(0, summary.requests - checked)
  if socket + unchecked > 0 then last = last .. " (" .. socket .. " socket errors, " .. unchecked .. " not checked)" end
  print(("checked %d requests in %d us, %d bad: %s"):format(summary.requests, summary.duration, wrong + socket + unchecked, last))
end
`;
}

function luaTemplate(name: string, { pieces, offsets }: Template): string {
  return `local ${name} = { pieces = { ${pieces.map((piece) => `[==[${piece}]==]`).join(', ')} }, offsets = { ${offsets.join(', ')} } }`;
}
