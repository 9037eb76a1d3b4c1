import { Writable } from 'node:stream';
import { expect, it } from 'vitest';
import { createLog, readableLines } from '../../src/telemetry/log.ts';

it('omits fields that are not on the allow-list', () => {
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

it('writes the same lines in a readable form for terminals', async () => {
  const lines: string[] = [];
  const destination = new Writable({
    write(line, _encoding, done) {
      lines.push(String(line));
      done();
    },
  });
  const log = createLog('info', await readableLines(destination));
  log.warn({ requestId: 'r1', fault: 'timeout', token: 'SECRET' }, 'a read of Linq failed');
  expect(lines.join('')).toMatch(
    /^\[\d\d:\d\d:\d\d\.\d{3}\] WARN: a read of Linq failed \{"requestId":"r1","fault":"timeout"\}\n$/,
  );
});
