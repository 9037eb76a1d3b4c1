import { expect, it } from 'vitest';
import { runDoctor } from '../../src/doctor/run.ts';
import { startTestGateway, type TestGateway } from './gateway.ts';
import { type Harm, type ProxiedAnswer, type ProxiedRequest, startProxy } from './proxy.ts';

type DoctorOptions = Parameters<typeof runDoctor>[0];

/** A gateway, what happens on the way to it, and how the doctor is asked to look at it. */
interface Case extends Harm, Partial<Omit<DoctorOptions, 'write' | 'complain'>> {
  /** Its environment. It has no GraphiQL, a page of megabytes, unless that is asked for. */
  readonly gateway?: Record<string, string>;
  readonly documents?: ReadonlyMap<string, string>;
  /** Whether it is addressed as if it were not on loopback. */
  readonly remote?: boolean;
}

interface Report {
  readonly code: number;
  /** All that was written, wherever. */
  readonly text: string;
  /** The findings: level, check and words, with single spaces. */
  readonly lines: readonly string[];
  /** Level and check of those that are not well. */
  readonly troubles: readonly string[];
}

export async function report(options: Partial<DoctorOptions>): Promise<Report> {
  let text = '';
  const write = (more: string) => {
    text += more;
  };
  const code = await runDoctor({ args: [], env: {}, colours: false, ...options, write, complain: write });
  return { code, text, ...findingsIn(text) };
}

export function findingsIn(text: string): Pick<Report, 'lines' | 'troubles'> {
  const lines = text
    .split('\n')
    .flatMap((line) => (/^(ok|note|warn|FAIL) /.test(line) ? line.replace(/ +/g, ' ') : []));
  const troubles = lines.map((line) => line.split(' ', 2).join(' ')).filter((line) => !line.startsWith('ok'));
  return { lines, troubles };
}

/** What the doctor says of such a gateway, and what that cost. */
export async function examine(how: Case): Promise<Report & Pick<TestGateway, 'calls'>> {
  const { gateway: env, documents, remote, args = [], ...options } = how;
  await using gateway = await startTestGateway({ GRAPHIQL: 'false', ...env }, {}, documents);
  await using proxy = await startProxy(new URL(gateway.url).origin, how);
  // Leads to loopback without being one of its names, except on Windows.
  const address = remote ? proxy.origin.replace('127.0.0.1', '0.0.0.0') : proxy.origin;
  return { ...(await report({ ...options, args: [address, ...args] })), calls: gateway.calls };
}

/** A line of the report for what is wrong, and none for anything else but what is named as also in trouble. */
export function finds(check: string, wrong: string, how: Case, line: RegExp, ...also: string[]): void {
  it(`finds ${wrong} (${check})`, async () => {
    const { code, lines, troubles, calls } = await examine(how);
    expect(lines).toContainEqual(expect.stringMatching(line));
    const [found = ''] = lines.filter((candidate) => line.test(candidate));
    expect(found.split(' ')[1]).toBe(check);
    expect(troubles.toSorted()).toEqual([found.split(' ', 2).join(' '), ...also].toSorted());
    expect(code).toBe(troubles.some((trouble) => trouble.startsWith('FAIL')) ? 1 : 0);
    expect(calls.length).toBeLessThan(5); // that much of Linq, and no more, whatever is wrong
  });
}

export const refuse = (status: number, headers: Record<string, string> = {}): ProxiedAnswer => ({
  status,
  headers,
  body: '',
});

/** Whether it is a POST to GraphQL whose document or variables hold this. */
export const asks = ({ path, method, body }: ProxiedRequest, part: string): boolean =>
  path === '/graphql' && method === 'POST' && body.includes(part);

/** Answers this path in the place of the gateway. */
export const at = (path: string, answer: ProxiedAnswer): Harm => ({
  request: (request) => (request.path === path ? answer : undefined),
});

/** Changes what passes on its way to the gateway. */
export const sending = (change: (request: ProxiedRequest) => void): Harm => ({
  request: (request) => void change(request) as undefined,
});

/** Puts this header into every answer, or takes it away. */
export const header = (name: string, value: string | undefined): Harm => ({
  answer({ headers }) {
    delete headers[name];
    if (value !== undefined) headers[name] = value;
  },
});

/** Changes the text of answers: of all, or of those to documents that hold `part`. */
export const saying = (change: (text: string) => string, part?: string): Harm => ({
  answer(answer, request) {
    if (part === undefined || asks(request, part)) answer.body = change(answer.body);
  },
});
