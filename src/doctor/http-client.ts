import { randomBytes, randomUUID } from 'node:crypto';
import { TLSSocket } from 'node:tls';
import { Agent, buildConnector, request } from 'undici';
import { type Answer, graphqlIn } from './answer.ts';
import type { GatewayAddress } from './gateway-address.ts';

/** What is asked of the gateway. */
export interface Question {
  /** Beside GraphQL, such as `livez`; without it, GraphQL itself. */
  readonly path?: string;
  readonly search?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Without the credential, where there is one. */
  readonly anonymous?: boolean;
}

/** What is sent in the place of credentials and must never come back. Made up anew for each run. */
interface Marks {
  readonly linqToken: string;
  /** Looks like a JWT, so that the gateway has to fetch the keys of its issuer to refuse it. */
  readonly jwt: string;
}

export interface HttpClient {
  readonly sendsCredential: boolean;
  readonly marks: Marks;
  /** What must not come back, the marks among it, by what it is. */
  readonly secrets: Readonly<Record<string, string>>;
  /** Every answer so far. */
  readonly answers: readonly Answer[];
  /** The end of the gateway's certificate. Undefined without TLS, and before the first answer. */
  certificateEndsAt(): Date | undefined;
  /** Rejects when there is no answer in time. Redirects are not followed. */
  ask(question?: Question): Promise<Answer>;
  /** Posts an operation. */
  post(query: string, more?: Question, variables?: object): Promise<Answer>;
  close(): Promise<void>;
}

interface HttpClientOptions {
  readonly address: GatewayAddress;
  /** For the header `authorization`. */
  readonly credential: string | undefined;
  /** A Linq token, sent only where it is asked to be. */
  readonly linqToken: string | undefined;
  /** The longest that one answer may take, in milliseconds. */
  readonly patienceMs: number;
  /** Fires when the doctor must come to an end. */
  readonly stop: AbortSignal;
}

/** GraphiQL's page is by far the largest answer; what is beyond is not looked at. */
const mostCharacters = 16 * 1024 * 1024;

/** Sends any header that it is told to, a foreign `Host` as well, which takes HTTP/1.1. Opens nothing yet. */
export function createHttpClient({ address, credential, linqToken, patienceMs, stop }: HttpClientOptions): HttpClient {
  let certificateEndsAt: Date | undefined;
  const connect = buildConnector({ allowH2: false, timeout: patienceMs });
  const agent = new Agent({
    allowH2: false,
    connections: 4,
    connect(options, done) {
      connect(options, (...outcome) => {
        const [, socket] = outcome;
        if (socket instanceof TLSSocket) certificateEndsAt ??= socket.getPeerX509Certificate()?.validToDate;
        done(...outcome);
      });
    },
  });
  const answers: Answer[] = [];
  const marks = { linqToken: `doctor-${randomUUID()}`, jwt: madeUpJwt() };
  const secrets = {
    'a made-up Linq token': marks.linqToken,
    'a made-up JWT': marks.jwt,
    ...(credential !== undefined && { 'your credential': credential.replace(/^\S+ +/, '') }),
    ...(linqToken !== undefined && { 'your Linq token': linqToken }),
  };

  async function ask(question: Question = {}): Promise<Answer> {
    const { path, search = '', method = 'GET', headers = {}, body, anonymous } = question;
    const url = path === undefined ? new URL(address.graphql) : new URL(path, address.graphql);
    url.search = search;
    const sentAt = Date.now();
    const response = await request(url, {
      dispatcher: agent,
      method: method as 'GET',
      headers: { ...(credential !== undefined && !anonymous && { authorization: credential }), ...headers },
      ...(body !== undefined && { body }),
      signal: AbortSignal.any([stop, AbortSignal.timeout(patienceMs)]),
    });
    let text = '';
    for await (const chunk of response.body.setEncoding('utf8')) {
      text += chunk;
      if (text.length > mostCharacters) break;
    }
    const answer = {
      to: `${method} ${url.pathname}`,
      status: response.statusCode,
      headers: Object.fromEntries(Object.entries(response.headers).map(([name, value]) => [name, String(value)])),
      text,
      ...graphqlIn(text),
      between: [sentAt, Date.now()] as const,
    };
    answers.push(answer);
    return answer;
  }

  return {
    sendsCredential: credential !== undefined,
    marks,
    secrets,
    answers,
    certificateEndsAt: () => certificateEndsAt,
    ask,
    post: (query, { headers, ...more } = {}, variables) =>
      ask({
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify({ query, variables }),
        ...more,
      }),
    close: () => agent.destroy(),
  };
}

function madeUpJwt(): string {
  const part = (claims: object) => Buffer.from(JSON.stringify(claims)).toString('base64url');
  const exp = Math.floor(Date.now() / 1_000) + 60;
  return [
    part({ alg: 'RS256', kid: randomUUID() }),
    part({ sub: 'doctor', exp }),
    randomBytes(256).toString('base64url'),
  ].join('.');
}
