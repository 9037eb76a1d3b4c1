import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Sandbox, startSandbox } from '../src/sandbox/sandbox.ts';
import { type Listening, listen } from './support/listen.ts';
import { exampleScript, type Program, startProgram } from './support/programs.ts';

const query = '{ chatMessage(chatId: 1, id: 224) { text } }';
const hello = { data: { chatMessage: { text: 'Hello, how are you?' } } };
const headers = { 'content-type': 'application/json', authorization: 'Bearer key-of-the-graph' };

let sandbox: Sandbox;
/** In front of the sandbox: in its place, it never responds to reads of chat 504. */
let linq: Listening;
/** The next read of chat 504. */
let hanging = Promise.withResolvers<{ closed: Promise<unknown> }>();
let env: Record<string, string>;

beforeAll(async () => {
  sandbox = await startSandbox();
  linq = await listen(async (request, response) => {
    if (request.url?.includes('/chats/504/')) return hanging.resolve({ closed: once(response, 'close') });
    const answer = await fetch(sandbox.origin + request.url, { headers: { 'x-linq-integration-token': 'sandbox' } });
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end(await answer.text());
  });
  env = { LINQ_API_URL: linq.origin, LINQ_INTEGRATION_TOKEN: 'sandbox', GATEWAY_API_KEYS: 'key-of-the-graph' };
});
afterAll(async () => {
  await linq?.[Symbol.asyncDispose]();
  await sandbox?.[Symbol.asyncDispose]();
});

describe.each(['express', 'fastify', 'hono', 'node'])('the gateway in an application of %s', (name) => {
  let application: Program;

  beforeAll(async () => {
    const script = exampleScript(name);
    application = await startProgram({
      ...script,
      env: { ...script.env, ...env },
      ready: /application at (http:\S+)/,
    });
  });
  afterAll(() => application?.[Symbol.asyncDispose]());

  it('executes operations beside the routes of the application', async () => {
    const body = JSON.stringify({ query });
    for (let turn = 0; turn < 3; turn++) {
      const response = await fetch(`${application.url}/graphql`, { method: 'POST', headers, body });
      expect([response.status, await response.json()]).toEqual([200, hello]);
    }
    const get = await fetch(`${application.url}/graphql?query=${encodeURIComponent(query)}`, { headers });
    expect(await get.json()).toEqual(hello);
    expect(await (await fetch(application.url)).text()).toBe('An application of your own.');
  });

  it('refuses callers without the key, and bodies that are too large', async () => {
    const { authorization: _key, ...anonymous } = headers;
    const body = JSON.stringify({ query });
    const refused = await fetch(`${application.url}/graphql`, { method: 'POST', headers: anonymous, body });
    expect([refused.status, await refused.json()]).toMatchObject([
      401,
      { errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] },
    ]);
    const large = await fetch(`${application.url}/graphql`, { method: 'POST', headers, body: body.padEnd(110_000) });
    expect(large.status).toBe(413);
  });

  it('serves GraphiQL with its files', async () => {
    const page = await fetch(`${application.url}/graphql`, { headers: { accept: 'text/html' } });
    const [file] = /graphql\/assets\/[^"]+\.js/.exec(await page.text()) ?? [];
    const script = await fetch(`${application.url}/${file}`);
    expect([script.status, script.headers.get('content-type')]).toEqual([200, 'text/javascript; charset=utf-8']);
    await script.body?.cancel();
  });

  it('cancels the read of a caller that disconnects', async () => {
    const body = JSON.stringify({ query: '{ chatMessage(chatId: 504, id: 1) { id } }' });
    const caller = new AbortController();
    const response = fetch(`${application.url}/graphql`, { method: 'POST', headers, body, signal: caller.signal });
    const { closed } = await hanging.promise;
    hanging = Promise.withResolvers();
    caller.abort();
    await expect(response).rejects.toThrow();
    await closed;
  });
});

it('serves as a route handler of Next.js', async () => {
  const { cwd, env: path } = exampleScript('node');
  const program = `
    import { GET, POST } from './in-process/next-route.ts';
    const url = 'https://app.example.com/graphql';
    const [headers, body] = ${JSON.stringify([headers, JSON.stringify({ query })])};
    const posted = await POST(new Request(url, { method: 'POST', headers, body }));
    const got = await GET(new Request(url + '?query=' + encodeURIComponent(JSON.parse(body).query), { headers }));
    console.log(JSON.stringify([await posted.json(), await got.json()]));
  `;
  const args = ['--input-type=module', '--eval', program];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd, env: { ...path, ...env } });
  expect(JSON.parse(stdout)).toEqual([hello, hello]);
});
