import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { createGateway } from '../../src/gateway.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { close, listen } from '../support/gateway.ts';

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

it.concurrent.each(['127.0.0.1', '127.0.0.5', '::1', 'localhost', '0.0.0.0', '::', ''])(
  'The health check of the container succeeds with HOST=%s while the gateway responds, and fails once it has stopped',
  async (HOST) => {
    const config = readConfig({ HOST });
    const gateway = createGateway(config, createLog('silent'));
    const server = createServer(gateway.handle).listen(0, config.host);
    await once(server, 'listening');
    const env = { HOST, PORT: String((server.address() as AddressInfo).port) };
    // A proxy for other connections of the process makes no difference.
    const proxied = { ...env, NODE_USE_ENV_PROXY: '1', HTTP_PROXY: 'http://127.0.0.1:1' };
    expect(await isHealthy(proxied)).toBe(true);
    await close(server);
    await gateway.close();
    expect(await isHealthy(env)).toBe(false);
  },
);

it('fails when the gateway does not respond with 200', async () => {
  const server = createServer((_request, response) => response.writeHead(503).end());
  const { port } = new URL(await listen(server));
  expect(await isHealthy({ PORT: port })).toBe(false);
  await close(server);
});
