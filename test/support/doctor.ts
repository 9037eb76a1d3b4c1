import { expect, it } from 'vitest';
import { checkGateway } from '../../src/doctor/run.ts';
import { startTestGateway, type TestGateway } from './gateway.ts';
import { type ProxiedRequest, type ProxiedResponse, type ProxyRules, startProxy } from './proxy.ts';

type DoctorOptions = Parameters<typeof checkGateway>[0];

/** A gateway, what a proxy does to its requests and responses, and the options of the doctor. */
interface Case extends ProxyRules, Partial<Omit<DoctorOptions, 'write' | 'writeError'>> {
  /** Its environment. */
  readonly gateway?: Record<string, string>;
  readonly documents?: ReadonlyMap<string, string>;
  /** Whether the doctor uses an address that does not look like loopback. */
  readonly remote?: boolean;
}

interface Report {
  readonly code: number;
  /** Everything written to both outputs. */
  readonly text: string;
  /** The findings: level, check and text, with single spaces. */
  readonly lines: readonly string[];
  /** Level and check of the findings that are not ok. */
  readonly problems: readonly string[];
}

export async function report(options: Partial<DoctorOptions>): Promise<Report> {
  let text = '';
  const write = (more: string) => {
    text += more;
  };
  const code = await checkGateway({ args: [], env: {}, colors: false, ...options, write, writeError: write });
  return { code, text, ...findingsIn(text) };
}

export function findingsIn(text: string): Pick<Report, 'lines' | 'problems'> {
  const lines = text
    .split('\n')
    .flatMap((line) => (/^(ok|note|warn|FAIL) /.test(line) ? line.replace(/ +/g, ' ') : []));
  const problems = lines.map((line) => line.split(' ', 2).join(' ')).filter((line) => !line.startsWith('ok'));
  return { lines, problems };
}

/** Runs the doctor on such a gateway. `calls` are the requests that reached Linq. */
export async function examine(how: Case): Promise<Report & Pick<TestGateway, 'calls'>> {
  const { gateway: env, documents, remote, args = [], ...options } = how;
  await using gateway = await startTestGateway(env, {}, documents);
  await using proxy = await startProxy(new URL(gateway.url).origin, how);
  // Reaches loopback without being a loopback name, except on Windows.
  const address = remote ? proxy.origin.replace('127.0.0.1', '0.0.0.0') : proxy.origin;
  return { ...(await report({ ...options, args: [address, ...args] })), calls: gateway.calls };
}

/** Tests that the report has this line for a problem, and no other problem except those in `also`. */
export function finds(check: string, wrong: string, how: Case, line: RegExp, ...also: string[]): void {
  it(`finds ${wrong} (${check})`, async () => {
    const { code, lines, problems, calls } = await examine(how);
    expect(lines).toContainEqual(expect.stringMatching(line));
    const [found = ''] = lines.filter((candidate) => line.test(candidate));
    expect(found.split(' ')[1]).toBe(check);
    expect(problems.toSorted()).toEqual([found.split(' ', 2).join(' '), ...also].toSorted());
    expect(code).toBe(problems.some((problem) => problem.startsWith('FAIL')) ? 1 : 0);
    expect(calls.length).toBeLessThanOrEqual(2); // the most that a run may cost Linq, whatever is wrong
  });
}

export const emptyResponse = (status: number, headers: Record<string, string> = {}): ProxiedResponse => ({
  status,
  headers,
  body: '',
});

/** Whether the request is a POST to GraphQL whose document or variables contain this. */
const isOperationWith = ({ path, method, body }: ProxiedRequest, part: string): boolean =>
  path === '/graphql' && method === 'POST' && body.includes(part);

/** Responds to this path in place of the gateway. */
export const respondAt = (path: string, response: ProxiedResponse): ProxyRules => ({
  request: (request) => (request.path === path ? response : undefined),
});

/** Changes requests to the gateway. */
export const changeRequests = (change: (request: ProxiedRequest) => void): ProxyRules => ({
  request: (request) => void change(request) as undefined,
});

/** Sets this header in every response, or removes it. */
export const setHeader = (name: string, value: string | undefined): ProxyRules => ({
  response({ headers }) {
    delete headers[name];
    if (value !== undefined) headers[name] = value;
  },
});

/** Changes the body of responses: of all, or of those to documents that contain `part`. */
export const changeBodies = (change: (text: string) => string, part?: string): ProxyRules => ({
  response(response, request) {
    if (part === undefined || isOperationWith(request, part)) response.body = change(response.body);
  },
});
