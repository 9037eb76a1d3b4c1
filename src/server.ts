import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import { type Config, ConfigError, readConfig } from './config.ts';
import { createGateway } from './gateway.ts';
import { startSandbox } from './sandbox/sandbox.ts';

/** EX_CONFIG of sysexits.h: starting again without a change will not help. */
const configurationFault = 78;
/** How long requests in flight may take to finish once the process is told to stop. */
const graceMs = 10_000;

const sandbox = process.argv.includes('--sandbox') ? await startSandbox() : undefined;
const config = configOrExit({
  ...process.env,
  // Made-up data needs no guard, and a real token nothing to do with it.
  ...(sandbox && {
    LINQ_API_URL: sandbox.origin,
    LINQ_INTEGRATION_TOKEN: 'sandbox',
    GATEWAY_ALLOW_ANONYMOUS: 'true',
  }),
});
const log = pino({ level: config.logLevel, base: null, timestamp: pino.stdTimeFunctions.isoTime });
const gateway = createGateway(config, log);
const server = createServer({ requireHostHeader: false }, gateway.handle); // the gateway checks it, in our words

server.once('error', (error: NodeJS.ErrnoException) => {
  process.stderr.write(`cannot listen on ${config.host} port ${config.port}: ${error.code ?? error.message}\n`);
  process.exit(1);
});
server.listen(config.port, config.host);
await once(server, 'listening');
announce(server.address() as AddressInfo);

for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void stop(signal));

async function stop(signal: string): Promise<void> {
  log.info({ signal }, 'stopping');
  const closed = once(server, 'close');
  server.close();
  // What is still unanswered by then gets OVERLOADED; what even then does not go is cut off.
  setTimeout(() => void gateway.close(), graceMs).unref();
  setTimeout(() => server.closeAllConnections(), graceMs + 1_000).unref();
  await closed;
  await gateway.close();
  await sandbox?.[Symbol.asyncDispose]();
  log.info('stopped');
}

function announce({ address, family, port }: AddressInfo): void {
  const everywhere = address === '0.0.0.0' || address === '::';
  const host = everywhere ? 'localhost' : family === 'IPv6' ? `[${address}]` : address;
  const url = `http://${host}:${port}/graphql`;
  if (sandbox === undefined) {
    log.info({ url, linq: config.linq.origin }, 'listening');
    return;
  }
  process.stdout.write(`
  Linq GraphQL gateway, on its sandbox: all data is made up, and no token is needed.

  Open   ${url}
  Paste  { chatMessage(chatId: 1, id: 224) { text sentAt deliveryStatus } }

`);
}

function configOrExit(env: NodeJS.ProcessEnv): Config {
  try {
    return readConfig(env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(configurationFault);
  }
}
