import { parseArgs, styleText } from 'node:util';
import { type Check, checks } from './checks.ts';
import { type Finding, fail, type Level } from './finding.ts';
import { lookFirst, type MessageToRead, NoGateway, type Target } from './first-look.ts';
import { type GatewayAddress, readAddress } from './gateway-address.ts';
import { createHttpClient } from './http-client.ts';

const usage = `npm run doctor -- <url> [--message=<chat id>/<message id>]

  <url>      where the gateway is, such as https://gateway.example.com, with or without /graphql
  --message  a message to read, as a proof that Linq answers; nothing but its id is asked for

  GATEWAY_CREDENTIAL      what callers send as "authorization", such as "Bearer <key>"
  LINQ_INTEGRATION_TOKEN  a Linq token to read that message with, if not the gateway's own

Ends with 0 when nothing failed, 1 when something did, 2 when there is no gateway to look at.
`;

const longestLine = 500;

interface DoctorOptions {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly write: (text: string) => void;
  /** For what keeps the doctor from looking at all. */
  readonly complain: (text: string) => void;
  readonly colours: boolean;
  /** The longest that one answer may take, in milliseconds. */
  readonly patienceMs?: number;
  /** The longest that all of it may take. */
  readonly mostMs?: number;
}

interface Order {
  readonly address: GatewayAddress;
  readonly credential: string | undefined;
  readonly message: MessageToRead | undefined;
}

/** Looks at a gateway and writes a line for each finding. The answer is the exit code. Never writes a secret. */
export async function runDoctor(options: DoctorOptions): Promise<number> {
  const { args, env, write, complain, colours, patienceMs = 10_000, mostMs = 60_000 } = options;
  const order = readOrder(args, env);
  if (typeof order === 'string') {
    complain(`${order}\n\n${usage}`);
    return 2;
  }
  const { address, credential, message } = order;
  const stop = AbortSignal.timeout(mostMs);
  const client = createHttpClient({ address, credential, linqToken: message?.linqToken, patienceMs, stop });
  const clean = (text: string) => {
    for (const secret of Object.values(client.secrets)) text = text.replaceAll(secret, '[secret]');
    return text.slice(0, longestLine).replace(/[^\x20-\x7e]/g, '?'); // a part of it may be from the gateway
  };
  try {
    const target: Target = { ...address, ...client, ...(await lookFirst(client)), message };
    write(`${clean(address.graphql.href)}\n\n`);
    const counts: Record<Level, number> = { ok: 0, note: 0, warn: 0, FAIL: 0 };
    for (const check of checks) {
      for (const finding of await findingsOf(check, target, stop)) {
        counts[finding.level]++;
        const text = 'todo' in finding ? `${finding.says}: ${finding.todo}` : finding.says;
        write(`${levelText(finding.level, colours)} ${check.name.padEnd(13)}  ${clean(text)}\n`);
      }
    }
    write(`\n${counts.ok} ok, ${counts.note} to note, ${counts.warn} to look at, ${counts.FAIL} failed\n`);
    return counts.FAIL > 0 ? 1 : 0;
  } catch (error) {
    complain(`${clean(`no gateway to look at: ${address.graphql.href}: ${explained(error as Error)}`)}\n`);
    return 2;
  } finally {
    await client.close();
  }
}

/** A complaint where it cannot be done. */
function readOrder(args: readonly string[], env: DoctorOptions['env']): Order | string {
  let values: { message?: string };
  let positionals: string[];
  try {
    ({ values, positionals } = parseArgs({
      args: [...args],
      options: { message: { type: 'string' } },
      allowPositionals: true,
    }));
  } catch {
    return 'There is no such option.';
  }
  const [url, ...more] = positionals;
  if (url === undefined || more.length > 0) return 'One address is needed.';
  const address = readAddress(url);
  if (address === undefined) return 'The address must be an http or https URL without parameters or a password.';
  const credential = env['GATEWAY_CREDENTIAL'] || undefined;
  if (credential !== undefined && !/^Bearer +[\x21-\x7e]+$/i.test(credential)) {
    return 'GATEWAY_CREDENTIAL must be "Bearer " and a key or a JWT.';
  }
  const [, chatId, id] = /^(\d+)\/(\d+)$/.exec(values.message ?? '') ?? [];
  if (values.message !== undefined && id === undefined) return 'The message must be given as <chat id>/<message id>.';
  const linqToken = env['LINQ_INTEGRATION_TOKEN'] || undefined;
  if (linqToken !== undefined && !/^[\x21-\x7e]+$/.test(linqToken)) {
    return 'LINQ_INTEGRATION_TOKEN must be visible ASCII characters without spaces.';
  }
  const message = chatId === undefined || id === undefined ? undefined : { chatId, id, linqToken };
  const sendsSecrets = credential !== undefined || message?.linqToken !== undefined;
  if (sendsSecrets && address.graphql.protocol === 'http:' && !address.onLoopback) {
    return 'What is secret would travel in the clear: give the https address.';
  }
  return { address, credential, message };
}

async function findingsOf(check: Check, target: Target, stop: AbortSignal): Promise<readonly Finding[]> {
  if (check.needsOperations && target.operations !== 'answered') return [];
  try {
    return [await check.run(target)].flat();
  } catch (error) {
    const says = stop.aborted ? 'not looked at: the time is over' : `not finished: ${explained(error as Error)}`;
    return [fail(says, 'see the log of the gateway and what stands in front of it, then ask again')];
  }
}

/** Without the words of others, which may quote anything. */
function explained(error: Error & { code?: unknown }): string {
  if (error instanceof NoGateway) return error.message;
  const code = typeof error.code === 'string' ? error.code : error.name;
  if (!/CERT|SELF_SIGNED|UNABLE_TO/.test(code)) return code;
  return `${code}: its clients will not trust it either; NODE_EXTRA_CA_CERTS names a CA of your own`;
}

function levelText(level: Level, colours: boolean): string {
  const text = level.padEnd(4);
  return colours ? styleText(colourOf[level], text, { validateStream: false }) : text;
}

const colourOf = { ok: 'green', note: 'cyan', warn: 'yellow', FAIL: 'red' } as const;
