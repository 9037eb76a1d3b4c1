import { expect, it } from 'vitest';
import { createLog } from '../../src/telemetry/log.ts';

it('leaves out of a line whatever is not on its list', () => {
  const lines: string[] = [];
  const log = createLog('info', { write: (line) => void lines.push(line) });
  log.warn(
    { requestId: 'r1', fault: 'timeout', token: 'SECRET', headers: { authorization: 'SECRET' }, text: 'SECRET' },
    'm',
  );
  log.error(new Error('SECRET'), 'an error as it is');
  expect(JSON.parse(lines[0] ?? '')).toEqual({
    level: 40,
    time: expect.any(String),
    requestId: 'r1',
    fault: 'timeout',
    msg: 'm',
  });
  expect(lines.join('')).not.toContain('SECRET');
});
