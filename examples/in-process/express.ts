import express from 'express';
import { gateway } from './gateway.ts';

const app = express();
app.all('/graphql{/*file}', gateway.handle); // before body parsers such as express.json()
app.get('/', (_request, response) => void response.send('An application of your own.'));

const server = app.listen(Number(process.env['PORT'] ?? 4002), '127.0.0.1', () => {
  const address = server.address();
  console.log(`application at http://127.0.0.1:${typeof address === 'object' && address?.port}`);
});
