import { existsSync, readdirSync } from 'node:fs';
import { createServer } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';

import { runInNewContext } from 'node:vm';
import { readConfig } from '../../src/config.ts';
import { createGateway, type GatewayLog } from '../../src/gateway.ts';
import { type SandboxOptions, startSandbox } from '../../src/sandbox/sandbox.ts';
import { close, listen } from '../support/gateway.ts';

/** One-time allocations happen in this time, before the baseline is measured. */
const warmUpSeconds = 10;

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

/** A gateway in this process, in front of a sandbox. */
export async function startTarget(
  env: Record<string, string>,
  log: (level: string) => GatewayLog,
  sandboxOptions: SandboxOptions,
) {
  const sandbox = await startSandbox(sandboxOptions);
  const config = readConfig({ LINQ_API_URL: sandbox.origin, ...env });
  const gateway = createGateway(config, log(config.logLevel));
  const server = createServer({ requireHostHeader: false, keepAliveTimeout: 75_000 }, gateway.handle); // as server.ts does
  const origin = await listen(server);
  return {
    port: Number(new URL(origin).port),
    /** Runs a load for this time; returns what remained before and after it when all connections had closed. */
    async measure(run: (seconds: number) => Promise<void>, seconds: number) {
      await run(warmUpSeconds);
      const before = await resources();
      await run(seconds);
      return { before, after: await resources() };
    },
    async [Symbol.asyncDispose]() {
      await close(server);
      await gateway.close();
      await sandbox[Symbol.asyncDispose]();
    },
  };
}

async function resources() {
  const until = performance.now() + 30_000;
  const active = (name: string) => process.getActiveResourcesInfo().filter((resource) => resource === name).length;
  while (performance.now() < until && active('TCPSocketWrap') + active('Timeout') > 0) await wait(50);
  collectGarbage();
  return {
    timers: active('Timeout'),
    sockets: active('TCPSocketWrap'),
    fileDescriptors: existsSync('/proc/self/fd') ? readdirSync('/proc/self/fd').length : 0,
    heapMB: Math.round(process.memoryUsage().heapUsed / 1e5) / 10,
  };
}
