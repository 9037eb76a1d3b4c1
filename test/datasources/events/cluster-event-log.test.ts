import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { linesOf, outcomeOf, start } from '../../support/process.ts';
import { startUpstream } from '../../support/upstream.ts';
import { secret, signatureOf, webhook } from '../../support/webhooks.ts';

/** Two workers in front of an upstream whose texts are numbered, and functions that use a new connection for each request. */
async function startWorkers() {
  const upstream = await startUpstream((response, _request, id) =>
    response.end(JSON.stringify({ data: { id: Number(id), text: `text ${upstream.paths.length}` } })),
  );
  const server = start({
    WORKERS: '2',
    LINQ_API_URL: upstream.origin,
    LINQ_INTEGRATION_TOKEN: 'token',
    LINQ_CACHE_TTL_MS: '60000',
    LINQ_WEBHOOK_SECRETS: secret,
  });
  const logged = linesOf(server);
  const url = String((await logged('listening'))['url']).replace('/graphql', '');
  const send = (path: string, headers: Record<string, string>, body: string, agent?: Agent) =>
    new Promise<{ status: number | undefined; text: string }>((resolve, reject) => {
      const outgoing = request(`${url}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        ...(agent ? { agent } : { agent: false }),
      });
      outgoing.once('error', reject);
      outgoing.once('response', async (response) => {
        let text = '';
        for await (const chunk of response) text += chunk;
        resolve({ status: response.statusCode, text });
      });
      outgoing.end(body);
    });
  return {
    server,
    logged,
    async read(): Promise<string> {
      const body = JSON.stringify({ query: '{ chatMessage(chatId: 1, id: 7) { text } }' });
      return JSON.parse((await send('/graphql', {}, body)).text).data.chatMessage.text;
    },
    async deliver(event: object, agent?: Agent): Promise<number | undefined> {
      const body = JSON.stringify(event);
      return (await send('/webhooks/linq', { 'x-webhook-signature': signatureOf(body) }, body, agent)).status;
    },
    async counted(outcome: string, count: number): Promise<void> {
      const line = `linq_webhooks_total{outcome="${outcome}"} ${count}\n`;
      while (!(await (await fetch(`${url}/metrics`)).text()).includes(line)) await setTimeout(10);
    },
    async [Symbol.asyncDispose]() {
      const stopped = outcomeOf(server);
      if (server.kill('SIGTERM')) await stopped;
      await upstream[Symbol.asyncDispose]();
    },
  };
}

let workers: Awaited<ReturnType<typeof startWorkers>>;
beforeAll(async () => {
  workers = await startWorkers();
}, 60_000); // three processes start
afterAll(() => workers[Symbol.asyncDispose](), 60_000);

it('relays an event to all workers and takes it once, whichever it reaches', async () => {
  const seen = new Set<string>();
  while (seen.size < 2) seen.add(await workers.read()); // each has a cache of its own
  expect([...seen].toSorted()).toEqual(['text 1', 'text 2']);
  const event = webhook({}, { id: '7' });
  for (let turn = 0; turn < 6; turn++) expect(await workers.deliver(event)).toBe(200);
  await workers.counted('admitted', 1);
  await workers.counted('duplicate', 5);
  const after = new Set<string>();
  for (let turn = 0; turn < 50 && after.size < 2; turn++) after.add(await workers.read());
  expect([...after].toSorted()).toEqual(['text 3', 'text 4']);
});

it('refuses an event with 503 when the primary does not respond within two seconds', async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  expect(await workers.deliver(webhook(), agent)).toBe(200);
  const startedAt = performance.now();
  workers.server.kill('SIGSTOP');
  try {
    expect(await workers.deliver(webhook(), agent)).toBe(503);
  } finally {
    workers.server.kill('SIGCONT');
  }
  expect(performance.now() - startedAt).toBeGreaterThan(1_900);
  expect(await workers.deliver(webhook(), agent)).toBe(200);
  agent.destroy();
});

it('does not end the primary when a worker is killed to which it relays an event', async () => {
  const { server, logged } = workers;
  const seen = new Set<string>();
  while (seen.size < 2) seen.add(await workers.read()); // both listen
  const agents = Array.from({ length: 4 }, () => new Agent({ keepAlive: true, maxSockets: 1 }));
  for (const agent of agents) expect(await workers.deliver(webhook(), agent)).toBe(200);
  const pid = Number((await logged('worker started'))['pid']);
  server.kill('SIGSTOP');
  try {
    // The primary relays them when it goes on.
    for (const status of await Promise.all(agents.map((agent) => workers.deliver(webhook(), agent))))
      expect(status).toBe(503);
    const sockets = agents.flatMap(({ freeSockets }) => Object.values(freeSockets).flatMap((free) => free ?? []));
    const closed = Promise.race(sockets.map((socket) => once(socket, 'close')));
    process.kill(pid, 'SIGKILL');
    await closed;
  } finally {
    server.kill('SIGCONT');
  }
  await Promise.race([logged('worker started', 3), once(server, 'exit')]);
  expect(server.exitCode).toBeNull();
  expect(await workers.deliver(webhook())).toBe(200);
  for (const agent of agents) agent.destroy();
});
