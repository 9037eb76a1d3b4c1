import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { close, listen } from '../support/gateway.ts';
import { linesOf, outcomeOf, start } from '../support/process.ts';

const run = promisify(execFile);

/** Runs the command of the Dockerfile's HEALTHCHECK in the environment of the container. */
async function isHealthy(env: Record<string, string>): Promise<boolean> {
  const [, command = ''] = /^HEALTHCHECK [^[]*CMD (\[.+\])$/m.exec(readFileSync('Dockerfile', 'utf8')) ?? [];
  const [, ...args] = JSON.parse(command);
  return run(process.execPath, args, { env }).then(
    () => true,
    () => false,
  );
}

it.each(['127.0.0.1', '127.0.0.5', '::1', 'localhost', '0.0.0.0', '::', ''])(
  'The health check of the container succeeds with HOST=%s while the gateway responds, and fails once it has stopped',
  async (HOST) => {
    const env = { HOST, PORT: await freePort() };
    const server = start(env);
    const outcome = outcomeOf(server);
    await linesOf(server)('listening');
    // A proxy for other connections of the process makes no difference.
    const proxied = { ...env, NODE_USE_ENV_PROXY: '1', HTTP_PROXY: 'http://127.0.0.1:1' };
    expect(await isHealthy(proxied)).toBe(true);
    server.kill();
    expect(await outcome).toEqual({ code: 0, errors: '' });
    expect(await isHealthy(env)).toBe(false);
  },
);

it('fails when the gateway does not respond with 200', async () => {
  const server = createServer((_request, response) => response.writeHead(503).end());
  const { port } = new URL(await listen(server));
  expect(await isHealthy({ PORT: port })).toBe(false);
  await close(server);
});

async function freePort(): Promise<string> {
  const server = createServer();
  const { port } = new URL(await listen(server));
  await close(server);
  return port;
}
