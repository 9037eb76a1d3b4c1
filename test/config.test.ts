import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ConfigError, readConfig } from '../src/config.ts';

function faultsOf(env: Record<string, string>): string[] {
  try {
    readConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split('\n');
    throw error;
  }
  return [];
}

it('needs no variable at all', () => {
  expect(readConfig({})).toEqual({
    host: '127.0.0.1',
    port: 4000,
    linq: {
      origin: 'https://api.linqapp.com',
      token: undefined,
      timeoutMs: 10_000,
      maxConcurrency: 64,
      maxQueue: 1024,
      requestsPerSecond: undefined,
      maxResponseBytes: 4_194_304,
    },
    allowAnonymous: false,
    callers: undefined,
    corsOrigins: [],
    graphiql: true,
    introspection: true,
    trustedDocuments: undefined,
    maxBodyBytes: 102_400,
    limits: { maxTokens: 4_000, maxDepth: 10, maxAliases: 200, maxDirectives: 50, maxMessages: 100 },
    workers: 1,
    logLevel: 'info',
  });
});

it('takes an empty variable as unset', () => {
  expect(readConfig({ PORT: '', LINQ_INTEGRATION_TOKEN: '', GRAPHIQL: '' })).toEqual(readConfig({}));
});

it('reports all faults together, a line for each: the variable, what was wanted and what was got', () => {
  expect(
    faultsOf({
      PORT: 'http',
      LINQ_API_URL: 'nope',
      LINQ_TIMEOUT_MS: '0',
      LINQ_MAX_CONCURRENCY: '-1',
      LINQ_MAX_QUEUE: 'many',
      LINQ_REQUESTS_PER_SECOND: '0',
      LINQ_MAX_RESPONSE_BYTES: '1.5',
      GATEWAY_ALLOW_ANONYMOUS: 'yes',
      GRAPHIQL: '1',
      MAX_BODY_BYTES: '99999999999999999999',
      LOG_LEVEL: 'loud',
    }),
  ).toEqual([
    'PORT must be a whole number from 0 to 65535, got "http"',
    'LINQ_API_URL must be the origin of an HTTP server, such as https://api.linqapp.com, got "nope"',
    'LINQ_TIMEOUT_MS must be a whole number from 1 to 2147483647, got "0"',
    'LINQ_MAX_CONCURRENCY must be a whole number from 1 to 65535, got "-1"',
    'LINQ_MAX_QUEUE must be a whole number from 0 to 1000000, got "many"',
    'LINQ_REQUESTS_PER_SECOND must be a number above 0 and below 1000000, with up to three decimals, got "0"',
    'LINQ_MAX_RESPONSE_BYTES must be a whole number from 1 to 536870888, got "1.5"',
    'GATEWAY_ALLOW_ANONYMOUS must be true or false, got "yes"',
    'GRAPHIQL must be true or false, got "1"',
    'MAX_BODY_BYTES must be a whole number from 1 to 536870888, got "99999999999999999999"',
    'LOG_LEVEL must be one of fatal, error, warn, info, debug, trace, silent, got "loud"',
  ]);
});

it.each([
  'ftp://api.linqapp.com',
  'https://api.linqapp.com/v2',
  'https://api.linqapp.com?x=1',
  'api.linqapp.com',
  'https://',
])('refuses %s as the origin of Linq', (url) => {
  expect(faultsOf({ LINQ_API_URL: url })).toHaveLength(1);
});

it.each([
  'https://api.linqapp.com',
  'https://api.linqapp.com/',
  'https://API.linqapp.com:443',
  'http://127.0.0.1:8080',
])('takes %s as the origin of Linq', (url) => {
  expect(readConfig({ LINQ_API_URL: url }).linq.origin).toBe(new URL(url).origin);
});

it('never prints a secret', () => {
  for (const LINQ_API_URL of [
    'https://user:hunter2@api.linqapp.com',
    'https://user:hunter2@api.linqapp.com:99999',
    'https://user:hunter2@api linqapp.com',
    'https://api.linqapp.com/?token=hunter2',
    'https://api.linqapp.com/#hunter2',
  ]) {
    const faults = faultsOf({ LINQ_INTEGRATION_TOKEN: 'hunter2 \n', LINQ_API_URL });
    expect(faults).toHaveLength(2);
    expect(faults.join()).not.toContain('hunter2');
  }
});

describe('with a token of its own', () => {
  const token = { LINQ_INTEGRATION_TOKEN: 'secret' };

  it.each(['0.0.0.0', '::', '10.0.0.1', 'gateway.example.com', '127.0.0.1.example.com'])(
    'refuses to listen on %s',
    (HOST) => {
      expect(faultsOf({ ...token, HOST })[0]).toMatch(/^HOST must be a loopback address/);
      expect(faultsOf({ ...token, HOST, GATEWAY_ALLOW_ANONYMOUS: 'true' })).toEqual([]);
      expect(faultsOf({ HOST })).toEqual([]);
    },
  );

  it.each(['127.0.0.1', '127.1.2.3', '::1', 'localhost'])('listens on %s', (HOST) => {
    expect(faultsOf({ ...token, HOST })).toEqual([]);
  });
});

it('reads the variables that the README lists, and no others', () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const listed = [...readme.matchAll(/^\| `([A-Z_]+)` *\| (?:`[^|]+`|unset) *\|[^|]*\|$/gm)].map(([, name]) => name);
  const read = new Set<string | symbol>();
  readConfig(new Proxy({}, { get: (_env, name) => void read.add(name) }));
  expect(listed.toSorted()).toEqual([...read].toSorted());
});
