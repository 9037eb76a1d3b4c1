import { existsSync, readdirSync } from 'node:fs';
import { Agent, createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { readConfig } from '../../src/config.ts';
import { createGateway, type GatewayLog } from '../../src/gateway.ts';
import { type SandboxOptions, startSandbox } from '../../src/sandbox/sandbox.ts';
import { close, listen } from '../support/gateway.ts';

export interface Message {
  readonly method: string;
  readonly path: string;
  /** `Name: value`. */
  readonly headers: readonly string[];
  readonly body: Buffer | undefined;
}

export interface Response {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

/** A gateway in this process, in front of a sandbox, with the connections of its clients. */
export async function startTarget(
  env: Record<string, string>,
  log: (level: string) => GatewayLog,
  { maxSockets, ...sandboxOptions }: SandboxOptions & { readonly maxSockets: number },
) {
  const sandbox = await startSandbox(sandboxOptions);
  const config = readConfig({ LINQ_API_URL: sandbox.origin, ...env });
  const gateway = createGateway(config, log(config.logLevel));
  const server = createServer({ requireHostHeader: false, keepAliveTimeout: 75_000 }, gateway.handle); // as server.ts does
  await listen(server);
  const { port } = server.address() as AddressInfo;
  const agent = new Agent({ keepAlive: true, maxSockets });
  return {
    port,
    /** Undefined when the client has disconnected, after `leaveMs`, or when the connection ended without a whole response. */
    send({ method, path, headers, body }: Message, leaveMs: number): Promise<Response | undefined> {
      const { promise, resolve } = Promise.withResolvers<Response | undefined>();
      const length = body && { 'content-length': body.length };
      const fields = { ...Object.fromEntries(headers.map(nameAndValue)), ...length };
      const outgoing = httpRequest({ port, method, path, agent, setHost: false, headers: fields });
      const timer = setTimeout(() => outgoing.destroy(), leaveMs);
      outgoing.on('response', (response) => {
        const chunks: Uint8Array[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', () => {});
        response.on('end', () => {
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) });
        });
      });
      outgoing.on('error', () => {});
      outgoing.on('close', () => {
        clearTimeout(timer);
        resolve(undefined);
      });
      outgoing.end(body);
      return promise;
    },
    /** What remains after all connections have closed. */
    async resources() {
      agent.destroy();
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
    },
    async [Symbol.asyncDispose]() {
      agent.destroy();
      await close(server);
      await gateway.close();
      await sandbox[Symbol.asyncDispose]();
    },
  };
}

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

export function nameAndValue(line: string): [name: string, value: string] {
  const colon = line.indexOf(':');
  return [line.slice(0, colon), line.slice(colon + 1).trim()];
}
