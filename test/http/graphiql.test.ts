import { expect, it } from 'vitest';
import { exampleQuery } from '../../src/http/graphiql.ts';
import { startTestGateway } from '../support/gateway.ts';

const browser = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' };

it('answers a browser with GraphiQL, which loads nothing from elsewhere', async () => {
  await using gateway = await startTestGateway();
  const page = await gateway.send({ headers: browser });
  expect(page.status).toBe(200);
  expect(page.headers['content-type']).toBe('text/html; charset=utf-8');
  expect(page.body).toContain('Linq GraphQL gateway');
  expect(page.body).toContain('"shouldPersistHeaders":false'); // a token in them stays out of the browser's storage
  expect(page.body.match(/<(script|link|img)[^>]+(src|href)="?(https?:)?\/\/[^>]*>/g)).toBeNull();
});

it('opens on an example that runs as it is', async () => {
  await using gateway = await startTestGateway();
  const page = await gateway.send({ headers: browser });
  expect(page.body).toContain(JSON.stringify(exampleQuery));
  const answer = await gateway.query(exampleQuery);
  expect(answer.errors).toBeUndefined();
  expect(answer.data.chatMessage.text).toBe('Hello, how are you?');
});

it('leaves GraphiQL out with GRAPHIQL=false', async () => {
  await using gateway = await startTestGateway({ GRAPHIQL: 'false' });
  const answer = await gateway.send({ headers: { accept: 'text/html' } });
  expect(answer.body).not.toContain('GraphiQL');
  expect(answer.status).toBeGreaterThanOrEqual(400);
});

it('answers a program that asks for JSON with JSON', async () => {
  await using gateway = await startTestGateway();
  const answer = await gateway.send({
    path: '/graphql?query=%7B__typename%7D',
    headers: { accept: 'application/json' },
  });
  expect(JSON.parse(answer.body)).toEqual({ data: { __typename: 'Query' } });
});
