import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { expect, it } from 'vitest';
import { close, listen } from '../support/gateway.ts';
import { linesOf, outcomeOf, start } from '../support/process.ts';
import { startUpstream } from '../support/upstream.ts';

interface Exported {
  readonly resourceSpans: {
    readonly resource: { readonly attributes: { key: string; value: { stringValue?: string } }[] };
    readonly scopeSpans: { readonly spans: { name: string; traceId: string }[] }[];
  }[];
}

it.each(['1', '2'])(
  'the recipe sends traces to a collector, the last of them when the gateway stops, with WORKERS=%s',
  {
    timeout: 120_000,
  },
  async (WORKERS) => {
    const exported: Exported[] = [];
    const paths = new Set<string | undefined>();
    const collector = createServer(async (request, response) => {
      paths.add(request.url);
      let body = '';
      for await (const chunk of request) body += chunk;
      exported.push(JSON.parse(body));
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
    await using upstream = await startUpstream((response, _request, id) => response.end(`{"data":{"id":${id}}}`));
    const env = {
      LINQ_API_URL: upstream.origin,
      LINQ_INTEGRATION_TOKEN: 'secret',
      WORKERS,
      OTEL_EXPORTER_OTLP_ENDPOINT: await listen(collector),
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
      OTEL_TRACES_SAMPLER_ARG: '1',
    };
    const server = start(env, [], ['--import', './deploy/tracing.mjs']);
    const lines = linesOf(server);
    const { url, tracing } = await lines('listening');
    expect(tracing).toBe(true);
    const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
    const ask = (traceparent: string) =>
      fetch(`${url}?query={chatMessage(chatId:1,id:7){id}}`, { headers: { traceparent } });
    expect((await ask(`00-${traceId}-00f067aa0ba902b7-01`)).status).toBe(200);
    expect((await ask(`00-${traceId}-00f067aa0ba902b7-00`)).status).toBe(200); // which is not to be recorded
    server.kill('SIGTERM');
    expect(await outcomeOf(server)).toEqual({ code: 0, errors: '' });
    await close(collector);

    const resources = exported.flatMap(({ resourceSpans }) => resourceSpans);
    const attributes = resources.flatMap(({ resource }) => resource.attributes);
    expect(Object.fromEntries(attributes.map(({ key, value }) => [key, value.stringValue]))).toMatchObject({
      'service.name': 'linq-graphql-gateway',
      'deployment.environment.name': 'test',
    });
    const spans = resources.flatMap(({ scopeSpans }) => scopeSpans).flatMap((scope) => scope.spans);
    expect(spans.map((span) => span.traceId)).toEqual([traceId, traceId, traceId]);
    expect(spans.map(({ name }) => name).toSorted()).toEqual([
      'GET /api/partner/v2/chats/{chat_id}/chat_messages/{id}',
      'GET /graphql',
      'query',
    ]);
    expect([...paths]).toEqual(['/v1/traces']);
  },
);

it('the recipe names the versions that it was tested with', () => {
  const read = (file: string) => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
  const { dependencies, devDependencies } = JSON.parse(read('package.json'));
  const imported = [...read('deploy/tracing.mjs').matchAll(/from '(@[^']+)'/g)].map(([, name = '']) => name);
  const toInstall = imported.filter((name) => !(name in dependencies));
  expect(toInstall.length).toBeGreaterThan(3);
  const said = [...read('docs/operations.md').matchAll(/(@opentelemetry\/[\w-]+)@([\d.]+)/g)];
  expect(Object.fromEntries(said.map(([, name, version]) => [name, version]))).toEqual(
    Object.fromEntries(toInstall.map((name) => [name, devDependencies[name]])),
  );
});
