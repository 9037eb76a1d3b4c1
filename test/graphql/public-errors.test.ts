import { createServer } from 'node:http';
import { createSchema, createYoga, type YogaInitialContext } from 'graphql-yoga';
import { pino } from 'pino';
import { expect, it } from 'vitest';
import { UpstreamError } from '../../src/datasources/upstream-error.ts';
import { usePublicErrors } from '../../src/graphql/public-errors.ts';
import type { ServerContext } from '../../src/graphql/server-context.ts';
import { Turns } from '../../src/graphql/turns.ts';
import { RequestRecord } from '../../src/telemetry/request-record.ts';
import { close, listen } from '../support/gateway.ts';

const schema = createSchema<ServerContext & YogaInitialContext>({
  typeDefs: `
    type Query { bad: String good: String bare: String }
    type Subscription { failing: String denied: String broken: String }
  `,
  resolvers: {
    Query: {
      good: () => 'fine',
      bad: () => {
        throw new TypeError('SECRET');
      },
      bare: () => Promise.reject('SECRET'),
    },
    Subscription: {
      failing: {
        subscribe: async function* () {
          yield 1;
          yield 2;
          yield 3;
        },
        resolve: (event: number) => {
          if (event === 1) throw new TypeError('SECRET');
          if (event === 2) throw new UpstreamError('forbidden', { cause: new Error('SECRET') });
          return 'fine';
        },
      },
      denied: {
        subscribe: () => {
          throw new TypeError('SECRET');
        },
      },
      broken: {
        subscribe: async function* () {
          yield 1;
          throw new TypeError('SECRET');
        },
        resolve: () => 'fine',
      },
    },
  },
});

/** The text of the response to a GET, through the real plugin, and the lines of the log. */
async function send(query: string, accept: string) {
  const lines: string[] = [];
  const log = pino({ level: 'debug' }, { write: (line: string) => void lines.push(line) });
  const yoga = createYoga<ServerContext>({
    schema,
    logging: false,
    maskedErrors: false,
    plugins: [usePublicErrors(new Turns(), log, { suggestions: true })],
  });
  const records: RequestRecord[] = [];
  const server = createServer((req, res) => {
    const record = new RequestRecord('test-1', req);
    records.push(record);
    yoga(req, res, { record });
  });
  const response = await fetch(`${await listen(server)}/graphql?query=${query}`, { headers: { accept } });
  const text = await response.text();
  await close(server);
  expect(text + lines.join()).not.toContain('SECRET');
  return { status: response.status, text, log: lines.map((line) => JSON.parse(line)), codes: records[0]?.codes };
}

/** The results in a stream of Server-Sent Events, in order. */
const eventsOf = (text: string) => [...text.matchAll(/^data: (\{.*)$/gm)].map(([, json = '']) => JSON.parse(json));

const internal = { code: 'INTERNAL_SERVER_ERROR', retryable: false, requestId: 'test-1' };

it('masks a bug: its own field is null, the log has its location, and no client gets its message', async () => {
  const { status, text, log } = await send('{bad,good,bare}', 'application/json');
  expect(status).toBe(200);
  expect(JSON.parse(text)).toMatchObject({
    data: { bad: null, good: 'fine', bare: null },
    errors: [
      { path: ['bad'], extensions: internal },
      { path: ['bare'], extensions: internal },
    ],
  });
  expect(log[0]).toMatchObject({ level: 50, requestId: 'test-1', error: 'TypeError' });
  expect(log[0].frames[0]).toContain('public-errors.test.ts');
});

it('masks the errors of every result of a stream, and records the code of each', async () => {
  const { text, log, codes } = await send('subscription{failing}', 'text/event-stream');
  expect(eventsOf(text)).toMatchObject([
    { data: { failing: null }, errors: [{ path: ['failing'], extensions: internal }] },
    {
      data: { failing: null },
      errors: [{ path: ['failing'], extensions: { code: 'FORBIDDEN', requestId: 'test-1' } }],
    },
    { data: { failing: 'fine' } },
  ]);
  expect(log.map(({ msg }) => msg)).toEqual(['internal error', 'a read of Linq failed']);
  expect(codes).toEqual(['INTERNAL_SERVER_ERROR', 'FORBIDDEN']);
});

it('masks the error of a failed stream, before its first result and after one', async () => {
  const denied = await send('subscription{denied}', 'text/event-stream');
  expect(eventsOf(denied.text)).toMatchObject([{ errors: [{ extensions: internal }] }]);
  const broken = await send('subscription{broken}', 'text/event-stream');
  expect(eventsOf(broken.text)).toMatchObject([{ data: { broken: 'fine' } }, { errors: [{ extensions: internal }] }]);
});
