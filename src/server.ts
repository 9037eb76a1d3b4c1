#!/usr/bin/env node
import cluster from 'node:cluster';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, isIPv6 } from 'node:net';
import { type Config, ConfigError, readConfig } from './config.ts';
import { framesOf } from './errors/failure-log.ts';
import { createGateway } from './gateway.ts';
import { readTrustedDocuments, type TrustedDocuments } from './graphql/trusted-documents.ts';
import { sandboxPage } from './sandbox/graphiql-tabs.ts';
import { startSandbox } from './sandbox/sandbox.ts';
import { createLog, readableLines } from './telemetry/log.ts';
import { isTraced } from './telemetry/tracing.ts';
import { onDrain, type Shutdown, superviseWorkers } from './workers.ts';

/** EX_CONFIG of sysexits.h: a restart without a change will not help. */
const configurationFault = 78;
/** Time for requests in flight to finish once no new ones are accepted. In milliseconds, as all of these. */
const graceMs = 10_000;
/** After that, time to send their failure responses. */
const cutMs = 1_000;
/** Grace period for whatever still holds the event loop after close, such as a trace exporter flushing. */
const exitGraceMs = 5_000;
/** The longest stop of a worker: 3 seconds of notice to load balancers, all of the above, and a margin for a busy machine. */
const workerStopMs = 25_000;

const sandbox = process.argv.includes('--sandbox') ? await startSandbox() : undefined;
const config = configOrExit({
  ...process.env,
  // The data is made up, so it needs no protection and no real token; the emulator runs in this one process.
  ...(sandbox && {
    LINQ_API_URL: sandbox.origin,
    LINQ_INTEGRATION_TOKEN: 'sandbox',
    GATEWAY_ALLOW_ANONYMOUS: 'true',
    WORKERS: '1',
  }),
});
const documents = documentsOrExit(config.trustedDocuments);
const log = createLog(config.logLevel, process.stdout.isTTY ? await readableLines() : undefined);
process.on('uncaughtException', (error: unknown) => {
  const { name, stack } = error instanceof Error ? error : new Error();
  log.fatal({ error: name, frames: framesOf({ stack }) }, 'crashed'); // not the message: it may quote private data
  process.exit(1);
});

if (cluster.isWorker) {
  onDrain(serve(), exitGraceMs);
} else if (config.workers > 1) {
  const supervised = superviseWorkers({ count: config.workers, stopMs: workerStopMs, log, onListening: announce });
  stopOnSignal(Promise.resolve(supervised));
} else {
  stopOnSignal(serve(announce));
}

/** Starts listening; returns a function that stops it. */
async function serve(onListening?: (address: AddressInfo) => void): Promise<Shutdown> {
  const gateway = createGateway(config, log, { documents, firstPage: sandbox && sandboxPage });
  // The gateway checks the Host header itself, with its own messages.
  const server = createServer({ requireHostHeader: false, keepAliveTimeout: config.keepAliveMs }, gateway.handle);
  server.once('error', (error: NodeJS.ErrnoException) => {
    process.stderr.write(`cannot listen on ${config.host} port ${config.port}: ${error.code ?? error.message}\n`);
    process.exit(1);
  });
  gateway.limitConnections(server);
  await gateway.connect();
  server.listen(config.port, config.host);
  await once(server, 'listening');
  gateway.open();
  onListening?.(server.address() as AddressInfo);

  return async (isSiblingProbed = false) => {
    await gateway.drain(isSiblingProbed);
    const closed = once(server, 'close');
    server.close();
    // Requests still in flight by then fail with OVERLOADED; connections still open after that are cut.
    setTimeout(() => void gateway.close(), graceMs).unref();
    setTimeout(() => server.closeAllConnections(), graceMs + cutMs).unref();
    await closed;
    await gateway.close();
    await sandbox?.[Symbol.asyncDispose]();
  };
}

/** The first signal stops gracefully, once startup is complete; a second one exits at once. */
function stopOnSignal(serving: Promise<() => Promise<void>>): void {
  let stopping = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, async () => {
      if (stopping) process.exit(1);
      stopping = true;
      log.info({ signal }, 'stopping');
      const stop = await serving;
      await stop();
      log.info('stopped');
      setTimeout(() => process.exit(0), exitGraceMs).unref();
    });
  }
}

function announce({ address, port }: { readonly address: string; readonly port: number }): void {
  const everywhere = address === '0.0.0.0' || address === '::';
  const host = everywhere ? 'localhost' : isIPv6(address) ? `[${address}]` : address;
  const url = `http://${host}:${port}/graphql`;
  if (sandbox === undefined) {
    log.info({ url, ...summaryOf(config) }, 'listening');
    return;
  }
  process.stdout.write(`
  Linq GraphQL gateway, on its sandbox: all data is made up, and no token is needed.

  Open   ${url}
  Paste  { chatMessage(chatId: 1, id: 224) { text sentAt deliveryStatus } }

`);
}

/** The configuration as the log shows it; no secrets. */
function summaryOf({ linq, callers, graphiql, introspection, workers }: Config): object {
  return {
    linq: linq.origin,
    proxy: linq.proxy && new URL(linq.proxy).host,
    ownToken: linq.token !== undefined,
    callers: callers === undefined ? 'anonymous' : callers.jwt === undefined ? 'keys' : 'keys or JWTs',
    trustedDocuments: documents?.size ?? 'off',
    graphiql,
    introspection,
    workers,
    tracing: isTraced(),
  };
}

function configOrExit(env: NodeJS.ProcessEnv): Config {
  try {
    return readConfig(env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return refuseToStart(error.message);
  }
}

function documentsOrExit(file: string | undefined): TrustedDocuments | undefined {
  try {
    return file === undefined ? undefined : readTrustedDocuments(file);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return refuseToStart(
      `TRUSTED_DOCUMENTS must be a manifest of documents, got ${JSON.stringify(file)}: ${code ?? message}`,
    );
  }
}

function refuseToStart(why: string): never {
  process.stderr.write(`${why}\n`);
  process.exit(configurationFault);
}
