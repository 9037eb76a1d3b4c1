import cluster from 'node:cluster';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, isIPv6 } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import type { Logger } from 'pino';
import { type Config, ConfigError, readConfig } from './config.ts';
import { framesOf } from './errors/failure-log.ts';
import type { TrustedDocuments } from './graphql/trusted-documents.ts';
import type { Sandbox } from './sandbox/sandbox.ts';
import { createLog, readableLines } from './telemetry/log.ts';
import { isTraced } from './telemetry/tracing.ts';
import { onDrainOrder, sendFailure, superviseWorkers } from './workers.ts';

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

interface ServerOptions {
  readonly isSandbox: boolean;
  /** Aborted by the signal that stops the process, its reason; by a worker's primary as well. */
  readonly stop: AbortController;
}

/** Stops what was started. `isSiblingProbed`: a load balancer has probed a sibling process. */
type Shutdown = (isSiblingProbed: boolean) => Promise<void>;

/** What all of a process is made of. */
interface Process {
  readonly config: Config;
  readonly documents: TrustedDocuments | undefined;
  readonly log: Logger;
  readonly sandbox: Sandbox | undefined;
  readonly stop: AbortSignal;
}

/** Runs the gateway, in as many processes as configured, until `stop` is aborted. */
export async function runServer({ isSandbox, stop }: ServerOptions): Promise<void> {
  const sandbox = isSandbox ? await (await import('./sandbox/sandbox.ts')).startSandbox() : undefined;
  const config = configOrExit({
    ...process.env,
    // The data is made up, so it needs no protection and no real token; the emulator runs in this one process.
    ...(sandbox && {
      LINQ_API_URL: sandbox.origin,
      LINQ_INTEGRATION_TOKEN: 'sandbox',
      GATEWAY_ALLOW_ANONYMOUS: 'true',
      LINQ_WEBHOOK_SECRETS: randomUUID(),
      WORKERS: '1',
    }),
  });
  const documents = await documentsOrExit(config.trustedDocuments);
  const log = createLog(config.logLevel, process.stdout.isTTY ? await readableLines() : undefined);
  if (cluster.isPrimary) {
    for (const renamed of config.formerNames) log.warn(renamed, 'a variable was renamed');
    for (const unknown of config.unknown) log.warn(unknown, 'a variable is not known');
  }
  process.on('uncaughtException', (error: unknown) => {
    const { name, stack } = error instanceof Error ? error : new Error();
    log.fatal({ error: name, frames: framesOf({ stack }) }, 'crashed'); // not the message: it may quote private data
    process.exit(1);
  });

  let isSiblingProbed = false;
  if (cluster.isWorker) {
    onDrainOrder((isProbed) => {
      isSiblingProbed = isProbed;
      stop.abort();
    });
  }
  const stopping = stopped(stop.signal).then(() => {
    if (cluster.isPrimary) log.info({ signal: stop.signal.reason }, 'stopping');
  });
  const shutdown = await start({ config, documents, log, sandbox, stop: stop.signal });
  await stopping;
  await shutdown?.(isSiblingProbed);
  await sandbox?.[Symbol.asyncDispose]();
  if (cluster.isPrimary) log.info('stopped');
  cluster.worker?.disconnect();
  setTimeout(() => process.exit(0), exitGraceMs).unref();
}

async function stopped(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort');
}

/** Resolves with undefined if the process is to stop before it listens. */
async function start(process: Process): Promise<Shutdown | undefined> {
  if (cluster.isWorker) return serve(process);
  const onListening = (address: Address) => announce(process, address);
  if (process.config.workers === 1) return serve(process, onListening);
  await receiveSignals();
  if (process.stop.aborted) return undefined;
  return superviseWorkers({ count: process.config.workers, stopMs: workerStopMs, log: process.log, onListening });
}

/** A signal that arrived while modules were evaluated is received in one of the next two turns of the event loop. */
async function receiveSignals(): Promise<void> {
  await setImmediate();
  await setImmediate();
}

/** Starts listening; returns a function that stops it. */
async function serve(
  { config, documents, log, sandbox, stop }: Process,
  onListening?: (address: Address) => void,
): Promise<Shutdown | undefined> {
  // Loaded here, so that a configuration fault is reported at once and the primary of workers stays small.
  const { createGateway } = await import('./gateway.ts');
  const firstPage = sandbox && (await import('./sandbox/graphiql-tabs.ts')).sandboxPage;
  const gateway = createGateway(config, log, { documents, firstPage });
  // The gateway checks the Host header itself, with its own messages.
  const server = createServer({ requireHostHeader: false, keepAliveTimeout: config.keepAliveMs }, gateway.handle);
  server.on('checkContinue', (req, res) => {
    // Not while the response to an earlier request is being sent, since Node would write it into that. Node then closes the connection
    // after this response.
    if (res.socket !== null) res.writeContinue();
    gateway.handle(req, res);
  });
  server.once('error', (error: NodeJS.ErrnoException) => {
    const { host, port } = config;
    const command = commandOf(process.env, sandbox !== undefined);
    const why =
      error.code === 'EADDRINUSE'
        ? `Port ${port} is in use. Try PORT=${port < 65_535 ? port + 1 : port - 1} ${command}.`
        : `Cannot listen on ${host} port ${port}: ${error.code ?? error.message}.`;
    if (cluster.isWorker) return sendFailure(why);
    process.stderr.write(`${why}\n`);
    process.exit(1);
  });
  gateway.limitConnections(server);
  await Promise.race([gateway.connect(), stopped(stop)]);
  await receiveSignals();
  if (stop.aborted) {
    await gateway.close();
    return undefined;
  }
  await new Promise<void>((resolve) => server.listen(config.port, config.host, resolve));
  gateway.open();
  const address = server.address() as AddressInfo;
  onListening?.(address);
  const [secret] = config.webhookSecrets;
  if (sandbox !== undefined && secret !== undefined) {
    const target = { url: `${originOf(address)}/webhooks/linq`, secret };
    sandbox.startLive(target, () => gateway.streams.size > 0);
  }

  return async (isSiblingProbed) => {
    await gateway.drain(isSiblingProbed);
    const closed = once(server, 'close');
    server.close();
    // Requests still in flight by then fail with OVERLOADED; connections still open after that are cut.
    setTimeout(() => void gateway.close(), graceMs).unref();
    setTimeout(() => server.closeAllConnections(), graceMs + cutMs).unref();
    await closed;
    await gateway.close();
  };
}

type Address = Pick<AddressInfo, 'address' | 'port'>;

function originOf({ address, port }: Address): string {
  const everywhere = address === '0.0.0.0' || address === '::';
  const host = everywhere ? 'localhost' : isIPv6(address) ? `[${address}]` : address;
  return `http://${host}:${port}`;
}

function announce({ config, documents, log, sandbox }: Process, address: Address): void {
  const url = `${originOf(address)}/graphql`;
  if (sandbox === undefined) {
    log.info({ url, ...summaryOf(config, documents) }, 'listening');
    return;
  }
  process.stdout.write(`
  Linq GraphQL gateway, on its sandbox: all data is made up, and no token is needed.

  Open   ${url}
  Paste  { chatMessage(chatId: 1, id: 224) { text sentAt deliveryStatus } }
  Send   curl -d '{"text":"hello"}' ${sandbox.origin}/sandbox/chats/3/messages

`);
}

function credentialsOf(callers: Config['callers']): string[] {
  if (callers === undefined) return [];
  return [...(callers.apiKeys.length > 0 ? ['keys'] : []), ...(callers.jwt ? ['JWTs'] : [])];
}

/** The configuration as the log shows it; no secrets. */
function summaryOf(
  { linq, callers, graphiql, introspection, workers }: Config,
  documents: TrustedDocuments | undefined,
): object {
  return {
    linq: linq.origin,
    proxy: linq.proxy && new URL(linq.proxy).host,
    ownToken: linq.token !== undefined,
    callers: credentialsOf(callers).join(' or ') || 'anonymous',
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

async function documentsOrExit(file: string | undefined): Promise<TrustedDocuments | undefined> {
  if (file === undefined) return undefined;
  const { readTrustedDocuments } = await import('./graphql/trusted-documents.ts');
  try {
    return readTrustedDocuments(file);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return refuseToStart(
      `TRUSTED_DOCUMENTS must be a manifest of documents, got ${JSON.stringify(file)}: ${code ?? message}`,
    );
  }
}

/** How the process was started, as far as npm reports it. */
function commandOf({ npm_lifecycle_event: script = '' }: NodeJS.ProcessEnv, isSandbox: boolean): string {
  if (script === 'start') return 'npm start';
  if (script === 'sandbox' || script === 'dev') return `npm run ${script}`;
  return `${script === 'npx' ? 'npx ' : ''}linq-graphql-gateway${isSandbox ? ' sandbox' : ''}`;
}

function refuseToStart(why: string): never {
  process.stderr.write(`${why}\n`);
  process.exit(configurationFault);
}
