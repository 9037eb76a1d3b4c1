import { expect, it } from 'vitest';
import { linesOf, outcomeOf, start } from './support/process.ts';

it('warns at startup of each variable that is set by its former name', async () => {
  const server = start({ MAX_MESSAGES_PER_OPERATION: '7' });
  const line = linesOf(server);
  const outcome = outcomeOf(server);
  expect(await line('a variable was renamed')).toMatchObject({
    level: 40,
    variable: 'MAX_MESSAGES_PER_OPERATION',
    newName: 'MAX_READS_PER_OPERATION',
  });
  await line('listening');
  server.kill('SIGTERM');
  const { code, errors } = await outcome;
  expect({ code, errors }).toEqual({ code: 0, errors: '' });
});
