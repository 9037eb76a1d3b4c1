import { createServer } from 'node:http';
import { gateway } from './gateway.ts';

const server = createServer((request, response) => {
  if (request.url?.startsWith('/graphql')) gateway.handle(request, response);
  else response.end('An application of your own.');
});
server.listen(Number(process.env['PORT'] ?? 4002), '127.0.0.1', () => {
  const address = server.address();
  console.log(`application at http://127.0.0.1:${typeof address === 'object' && address?.port}`);
});
