import { expect, it } from 'vitest';
import { startTestGateway } from '../support/gateway.ts';

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

it("returns the caller's request id in every response and error, if it is valid", async () => {
  await using gateway = await startTestGateway();
  const ids = ['a', 'A-Za-z0-9._-', 'x'.repeat(128)];
  for (const id of ids) {
    for (const path of ['/graphql?query=%7B', '/graphql', '/nowhere', '/livez']) {
      const answer = await gateway.send({ path, headers: { 'x-request-id': id } });
      expect(answer.headers['x-request-id']).toBe(id);
      if (answer.body) expect(JSON.parse(answer.body).errors[0].extensions.requestId).toBe(id);
    }
  }
});

it('returns a generated id otherwise, a different one for each request', async () => {
  await using gateway = await startTestGateway();
  const seen = new Set<unknown>();
  for (const id of [undefined, '', 'x'.repeat(129), 'a b', 'a,b', 'ä', '<script>']) {
    const answer = await gateway.send({
      path: '/graphql?query=%7B',
      headers: id === undefined ? {} : { 'x-request-id': id },
    });
    expect(answer.headers['x-request-id']).toMatch(uuid);
    expect(JSON.parse(answer.body).errors[0].extensions.requestId).toBe(answer.headers['x-request-id']);
    seen.add(answer.headers['x-request-id']);
  }
  expect(seen.size).toBe(7);
});
