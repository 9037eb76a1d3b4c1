import { parseArgs, styleText } from 'node:util';
import { GatewayNotFoundError, type MessageToRead, measureBaseline, type Target } from './baseline.ts';
import { type Check, checks } from './checks.ts';
import { type Finding, fail, type Level } from './finding.ts';
import { type GatewayAddress, readAddress } from './gateway-address.ts';
import { createHttpClient } from './http-client.ts';

const usage = `npm run doctor -- <url> [--message=<chat id>/<message id>]
linq-graphql-gateway doctor <url> [--message=<chat id>/<message id>]

  <url>      address of the gateway, such as https://gateway.example.com, with or without /graphql
  --message  a message to read, to verify that Linq responds; only its id is selected

  GATEWAY_CREDENTIAL      value of the "authorization" header, such as "Bearer <key>"
  LINQ_INTEGRATION_TOKEN  Linq token for --message (default: the gateway uses its own)

Exit code: 0 no check failed, 1 at least one check failed, 2 no gateway found or invalid arguments.
`;

const maxLineLength = 500;

interface DoctorOptions {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly write: (text: string) => void;
  /** Writes why the checks could not start. */
  readonly writeError: (text: string) => void;
  readonly colors: boolean;
  /** Time limit for one response, in milliseconds. */
  readonly requestTimeoutMs?: number;
  /** Time limit for the whole run, in milliseconds. */
  readonly totalTimeoutMs?: number;
}

interface Input {
  readonly address: GatewayAddress;
  readonly credential: string | undefined;
  readonly message: MessageToRead | undefined;
}

/** Checks a gateway and writes a line for each finding. Resolves to the exit code. Never writes a secret. */
export async function checkGateway(options: DoctorOptions): Promise<number> {
  const { args, env, write, writeError, colors, requestTimeoutMs = 10_000, totalTimeoutMs = 60_000 } = options;
  if (args.some((arg) => arg === '--help' || arg === '-h')) {
    write(usage);
    return 0;
  }
  const input = readInput(args, env);
  if (typeof input === 'string') {
    writeError(`${input}\n\n${usage}`);
    return 2;
  }
  const { address, credential, message } = input;
  const signal = AbortSignal.timeout(totalTimeoutMs);
  const client = createHttpClient({ address, credential, requestTimeoutMs, signal });
  const secrets = [credential?.replace(/^\S+ +/, ''), message?.linqToken].filter((secret) => secret !== undefined);
  const redact = (text: string) => {
    for (const secret of secrets) text = text.replaceAll(secret, '[secret]');
    return text.slice(0, maxLineLength).replace(/[^\x20-\x7e]/g, '?'); // parts of it can come from the gateway
  };
  const describe = (error: Error) => describeError(error, requestTimeoutMs);
  try {
    const target: Target = { ...address, ...client, ...(await measureBaseline(client)), message };
    write(`${redact(address.graphql.href)}\n\n`);
    const counts: Record<Level, number> = { ok: 0, note: 0, warn: 0, FAIL: 0 };
    for (const check of checks) {
      for (const finding of await runCheck(check, target, signal, describe)) {
        counts[finding.level]++;
        const text = 'advice' in finding ? `${finding.text} ${finding.advice}` : finding.text;
        write(`${formatLevel(finding.level, colors)} ${check.name.padEnd(13)}  ${redact(text)}\n`);
      }
    }
    write(
      `\n${counts.ok} ok, ${counted(counts.note, 'note')}, ${counted(counts.warn, 'warning')}, ${counted(counts.FAIL, 'failure')}\n`,
    );
    return counts.FAIL > 0 ? 1 : 0;
  } catch (error) {
    writeError(`${redact(`No gateway found at ${address.graphql.href}: ${describe(error as Error)}`)}\n`);
    return 2;
  } finally {
    await client.close();
  }
}

/** Returns a message when the arguments or the environment are invalid. */
function readInput(args: readonly string[], env: DoctorOptions['env']): Input | string {
  let values: { message?: string };
  let positionals: string[];
  try {
    ({ values, positionals } = parseArgs({
      args: [...args],
      options: { message: { type: 'string' } },
      allowPositionals: true,
    }));
  } catch {
    return 'Unknown option.';
  }
  const [url, ...more] = positionals;
  if (url === undefined || more.length > 0) return 'Exactly one address is required.';
  const address = readAddress(url);
  if (address === undefined)
    return 'The address must be an http or https URL without parameters, fragment or password.';
  const credential = env['GATEWAY_CREDENTIAL'] || undefined;
  if (credential !== undefined && !/^Bearer +[\x21-\x7e]+$/i.test(credential)) {
    return 'GATEWAY_CREDENTIAL must be "Bearer " followed by a key or a JWT.';
  }
  const [, chatId, id] = /^(\d+)\/(\d+)$/.exec(values.message ?? '') ?? [];
  if (values.message !== undefined && id === undefined) return '--message must have the form <chat id>/<message id>.';
  const linqToken = env['LINQ_INTEGRATION_TOKEN'] || undefined;
  if (linqToken !== undefined && !/^[\x21-\x7e]+$/.test(linqToken)) {
    return 'LINQ_INTEGRATION_TOKEN must consist of visible ASCII characters without spaces.';
  }
  const message = chatId === undefined || id === undefined ? undefined : { chatId, id, linqToken };
  const sendsSecrets = credential !== undefined || message?.linqToken !== undefined;
  if (sendsSecrets && address.graphql.protocol === 'http:' && !address.onLoopback) {
    return 'Secrets would be sent unencrypted. Use the https address.';
  }
  return { address, credential, message };
}

async function runCheck(
  check: Check,
  target: Target,
  signal: AbortSignal,
  describe: (error: Error) => string,
): Promise<readonly Finding[]> {
  if (check.needsOperations && target.operations !== 'executed') return [];
  try {
    return [await check.run(target)].flat();
  } catch (error) {
    const text = signal.aborted
      ? 'Not checked, because the time limit of the run is reached.'
      : `Not finished: ${describe(error as Error)}`;
    return [fail(text, 'Check the log of the gateway and what is in front of it, then run the doctor again.')];
  }
}

/** Leaves out the messages of other libraries, as they can contain anything. */
function describeError(error: Error & { code?: unknown }, requestTimeoutMs: number): string {
  if (error instanceof GatewayNotFoundError) return error.message;
  if (error.name === 'TimeoutError') return `there was no response within ${requestTimeoutMs / 1_000} seconds.`;
  const code = typeof error.code === 'string' ? error.code : error.name;
  if (/CERT|SELF_SIGNED|UNABLE_TO/.test(code)) {
    return `its certificate is not trusted (${code}), and its clients will not trust it either. For a private CA set NODE_EXTRA_CA_CERTS.`;
  }
  return `${failures[code] ?? 'the request failed'} (${code}).`;
}

/** What a system error means. */
const failures: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'the connection was refused',
  ECONNRESET: 'the connection was closed',
  UND_ERR_SOCKET: 'the connection was closed',
  ENOTFOUND: 'the host name does not exist',
  EAI_AGAIN: 'the host name cannot be resolved',
  UND_ERR_CONNECT_TIMEOUT: 'the connection could not be opened in time',
};

const counted = (count: number, noun: string) => `${count} ${noun}${count === 1 ? '' : 's'}`;

function formatLevel(level: Level, colors: boolean): string {
  const text = level.padEnd(4);
  return colors ? styleText(colorOf[level], text, { validateStream: false }) : text;
}

const colorOf = { ok: 'green', note: 'cyan', warn: 'yellow', FAIL: 'red' } as const;
