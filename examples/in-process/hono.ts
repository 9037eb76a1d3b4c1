import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { gateway } from './gateway.ts';

const app = new Hono();
app.all('/graphql/*', ({ req }) => gateway.fetch(req.raw));
app.get('/', ({ text }) => text('An application of your own.'));

const port = Number(process.env['PORT'] ?? 4002);
serve({ fetch: app.fetch, hostname: '127.0.0.1', port }, (address) => {
  console.log(`application at http://127.0.0.1:${address.port}`);
});
