import { fastify } from 'fastify';
import { gateway } from './gateway.ts';

const app = fastify();
app.register(async (scope) => {
  scope.removeAllContentTypeParsers(); // the gateway reads bodies itself
  scope.addContentTypeParser('*', (_request, _body, done) => done(null));
  for (const path of ['/graphql', '/graphql/*'])
    scope.all(path, (request, reply) => {
      reply.hijack();
      gateway.handle(request.raw, reply.raw);
    });
});
app.get('/', () => 'An application of your own.');
app.addHook('onClose', () => gateway.close());

const address = await app.listen({ port: Number(process.env['PORT'] ?? 4002) });
console.log(`application at ${address}`);
