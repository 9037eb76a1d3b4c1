import { expect, it } from 'vitest';
import { linesOf, outcomeOf, start } from './support/process.ts';

it('warns at startup of each variable that is set by its former name, or is probably misspelled', async () => {
  const server = start({ MAX_MESSAGES_PER_OPERATION: '7', LINQ_INTEGRATION_TOKEM: 'not-to-be-logged' });
  const line = linesOf(server);
  const outcome = outcomeOf(server);
  expect(await line('a variable was renamed')).toMatchObject({
    level: 40,
    variable: 'MAX_MESSAGES_PER_OPERATION',
    newName: 'MAX_READS_PER_OPERATION',
  });
  const unknown = await line('a variable is not known');
  expect(unknown).toMatchObject({
    level: 40,
    variable: 'LINQ_INTEGRATION_TOKEM',
    nearest: 'LINQ_INTEGRATION_TOKEN',
  });
  expect(JSON.stringify(unknown)).not.toContain('not-to-be-logged');
  await line('listening');
  server.kill('SIGTERM');
  const { code, errors } = await outcome;
  expect({ code, errors }).toEqual({ code: 0, errors: '' });
});
