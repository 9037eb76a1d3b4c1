import { expect, it } from 'vitest';
import { startTestGateway } from '../../support/gateway.ts';
import { startUpstream } from '../../support/upstream.ts';

it('keeps its connections and uses them again, after failures too', async () => {
  const sockets = new Set<unknown>();
  await using upstream = await startUpstream((response, request, id) => {
    sockets.add(request.socket);
    if (Number(id) % 2 === 0) response.writeHead(400).end('x'.repeat(10_000));
    else response.end(`{"data":{"id":${id}}}`);
  });
  await using gateway = await startTestGateway({ LINQ_API_URL: upstream.origin });
  for (let id = 1; id <= 10; id++) await gateway.query(`{ chatMessage(chatId: 1, id: ${id}) { id } }`);
  expect(upstream.paths).toHaveLength(10);
  expect(sockets.size).toBe(1);
});

it('has no more calls in flight than LINQ_MAX_CONCURRENCY, and answers all', async () => {
  const inFlight: (() => void)[] = [];
  let most = 0;
  await using upstream = await startUpstream((response, _request, id) => {
    most = Math.max(
      most,
      inFlight.push(() => response.end(`{"data":{"id":${id}}}`)),
    );
    // Three are waited for; a fourth would have come by the time that a whole other request has been answered.
    if (inFlight.length === 3) {
      gateway.query('{ chatMessage(chatId: 1, id: "no id") { id } }').then(() => {
        for (const answer of inFlight.splice(0)) answer();
      });
    }
  });
  await using gateway = await startTestGateway({ LINQ_API_URL: upstream.origin, LINQ_MAX_CONCURRENCY: '3' });
  const fields = Array.from({ length: 48 }, (_, index) => `m${index}: chatMessage(chatId: 1, id: ${index + 1}) { id }`);
  const answer = await gateway.query(`{ ${fields.join(' ')} }`);
  expect(answer.errors).toBeUndefined();
  expect(Object.values(answer.data)).toHaveLength(48);
  expect(most).toBe(3);
});

it('cuts a body off as soon as it is larger than LINQ_MAX_RESPONSE_BYTES', async () => {
  const dropped = Promise.withResolvers<void>();
  await using upstream = await startUpstream((response) => {
    response.once('close', dropped.resolve);
    response.write(' '.repeat(1_001)); // and never ends
  });
  await using gateway = await startTestGateway({ LINQ_API_URL: upstream.origin, LINQ_MAX_RESPONSE_BYTES: '1000' });
  const answer = await gateway.query('{ chatMessage(chatId: 1, id: 7) { id } }');
  expect(answer.errors?.[0]?.extensions).toMatchObject({ code: 'UPSTREAM_BAD_RESPONSE' });
  await dropped.promise;
});

it('reads a body of exactly LINQ_MAX_RESPONSE_BYTES', async () => {
  const body = '{"data":{"id":7}}';
  await using upstream = await startUpstream((response) => response.end(body.padEnd(1_000)));
  await using gateway = await startTestGateway({ LINQ_API_URL: upstream.origin, LINQ_MAX_RESPONSE_BYTES: '1000' });
  expect(await gateway.query('{ chatMessage(chatId: 1, id: 7) { id } }')).toEqual({
    data: { chatMessage: { id: '7' } },
  });
});

it('takes what is not HTTP as a bad response', async () => {
  await using upstream = await startUpstream((response) => response.socket?.end('SMTP 220 hello\r\n\r\n'));
  await using gateway = await startTestGateway({ LINQ_API_URL: upstream.origin });
  const answer = await gateway.query('{ chatMessage(chatId: 1, id: 7) { id } }');
  expect(answer.errors?.[0]?.extensions).toMatchObject({ code: 'UPSTREAM_BAD_RESPONSE' });
});

it('asks again, once and for free, when a kept connection turns out to be dead', async () => {
  await using upstream = await startUpstream((response, request, id) => {
    if (id === '2' && used.has(request.socket)) return void request.socket.resetAndDestroy();
    used.add(request.socket);
    response.end(`{"data":{"id":${id}}}`);
  });
  const used = new Set<unknown>();
  await using gateway = await startTestGateway({ LINQ_API_URL: upstream.origin });
  for (const id of [1, 2]) {
    expect(await gateway.query(`{ chatMessage(chatId: 1, id: ${id}) { id } }`)).toEqual({
      data: { chatMessage: { id: `${id}` } },
    });
  }
  expect(upstream.paths).toHaveLength(3);
});
