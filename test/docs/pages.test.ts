import { execFile } from 'node:child_process';
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parse } from 'yaml';
import { readConfig } from '../../src/config.ts';
import { errorCodes } from '../../src/errors/codes.ts';
import { startTestGateway } from '../support/gateway.ts';

const root = resolve(import.meta.dirname, '../..');
const read = (file: string) => readFileSync(join(root, file), 'utf8');
const manifest: { scripts: object; engines: { node: string } } = JSON.parse(read('package.json'));
const pinned: { version: string } = JSON.parse(read('pinned-node/package.json'));
const pages = globSync(['*.md', 'docs/**/*.md'], { cwd: root });

describe('README.md', () => {
  const readme = read('README.md');

  it('shows the response to its query', async () => {
    const [, body = '', response = ''] = /-d '([^']+)'\n```\n\n```json\n([\s\S]*?)```/.exec(readme) ?? [];
    await using gateway = await startTestGateway();
    expect(await gateway.query(JSON.parse(body).query)).toEqual(JSON.parse(response));
  });

  it('has the ratios of the bench for one message with all fields', () => {
    const rows = read('bench/README.md').matchAll(
      /^\| W1 .* \| (raw|mercurius|yoga|apollo) \|.*\| ([\d.]+) \|[^|]*\|$/gm,
    );
    const measured = Object.fromEntries([...rows].map(([, server = '', ratio]) => [server, ratio]));
    const [, mercurius, yoga, apollo, raw] =
      /([\d.]+) times the rate of Mercurius, ([\d.]+) times GraphQL Yoga and ([\d.]+) times Apollo Server, but ([\d.]+) times\s+plain/.exec(
        readme,
      ) ?? [];
    expect({ mercurius, yoga, apollo, raw }).toEqual(measured);
  });
});

describe('docs/errors.md', () => {
  const sections = read('docs/errors.md')
    .split(/^## /m)
    .slice(1)
    .map((section) =>
      /^`([A-Z_]+)`\n\n(Retryable: (?:yes|no))[\s\S]*- \*\*Frontend:\*\* [\s\S]*- \*\*Operator:\*\* /.exec(section),
    );

  it('has a section for each error code: what it means, what a frontend does, what an operator does', () => {
    const listed = sections.map((section) => [section?.[1], section?.[2]]);
    const codes = Object.entries(errorCodes).map(([code, { retryable }]) => [
      code,
      `Retryable: ${retryable ? 'yes' : 'no'}`,
    ]);
    expect(listed).toEqual(codes);
  });
});

it('links each page of docs/ in docs/README.md', () => {
  const index = read('docs/README.md');
  const files = globSync('**/*.md', { cwd: join(root, 'docs') }).filter((file) => file !== 'README.md');
  expect(files.length).toBeGreaterThan(20);
  expect(files.filter((file) => !index.includes(`](${file})`))).toEqual([]);
});

it.each(globSync('docs/decisions/*.md', { cwd: root }))(
  '%s has a context, options, a decision, and when to look again',
  (page) => {
    const headings = [...read(page).matchAll(/^## (.*)$/gm)].map(([, heading]) => heading);
    expect(headings).toEqual(['Context', 'Options', 'Decision', 'Look again when']);
  },
);

it.each(pages)('%s names only files and npm scripts that exist', (page) => {
  const code = [...read(page).matchAll(/`([^`\n]+)`/g)].map(([, text = '']) => text);
  const files = code.filter((text) => /^(src|test|docs|deploy|e2e|bench|examples|\.ci|\.github)\/[\w./-]+$/.test(text));
  const scripts = code.flatMap((text) => /^npm run ([\w-]+)/.exec(text)?.[1] ?? []);
  const ofExamples = ['generate', 'compose'];
  expect(files.filter((file) => !existsSync(join(root, file)))).toEqual([]);
  expect(scripts.filter((name) => !Object.hasOwn(manifest.scripts, name) && !ofExamples.includes(name))).toEqual([]);
});

it('draws exactly the imports between modules in docs/architecture.md', () => {
  const moduleOf = (file: string) => file.replace(/\/.*|\.ts$/, '');
  const imports = globSync('**/*.ts', { cwd: join(root, 'src') }).flatMap((file) =>
    [...read(join('src', file)).matchAll(/(?:^(?:import|export)\s[^'";]*?|\bimport\()'(\.[^']+)'/gm)].map(
      ([, path = '']) => `${moduleOf(file)} --> ${moduleOf(join(dirname(file), path))}`,
    ),
  );
  const between = imports.filter((edge) => new Set(edge.split(' --> ')).size > 1);
  const [, diagram = ''] = /```mermaid\nflowchart LR\n([\s\S]*?)```/.exec(read('docs/architecture.md')) ?? [];
  const drawn = [...diagram.matchAll(/^ *(\w+) --> (.*)$/gm)].flatMap(([, from, to = '']) =>
    to.split(' & ').map((each) => `${from} --> ${each}`),
  );
  expect(drawn.toSorted()).toEqual([...new Set(between)].toSorted());
});

it('names every outcome of a webhook with its status in docs/architecture.md and docs/webhooks.md', () => {
  const source = read('src/webhooks/endpoint.ts').matchAll(/^ {2}'?([a-z-]+)'?: (\d{3}),$/gm);
  const outcomes = [...source].map(([, outcome, status]) => `${status} ${outcome}`).toSorted();
  expect(outcomes).toContain('200 admitted');

  const [, diagram = ''] = /## The path of a webhook\n([\s\S]*?)\n## /.exec(read('docs/architecture.md')) ?? [];
  const drawn = [...diagram.matchAll(/\b[2-5]\d\d [a-z-]+(?=[",])/g), ...diagram.matchAll(/(500) \(`(failed)`\)/g)];
  expect([...new Set(drawn.map(([text]) => text.replaceAll(/[()`]/g, '')))].toSorted()).toEqual(outcomes);

  const rows = read('docs/webhooks.md').matchAll(/^\| ([\d, ]+) \| ([`a-z, -]+) \|/gm);
  const listed = [...rows].flatMap(([, statuses = '', names = '']) => {
    const codes = statuses.split(', ');
    return names.split(', ').map((name, index) => `${codes[index]} ${name.replaceAll('`', '')}`);
  });
  expect(listed.toSorted()).toEqual(outcomes);
});

describe('deploy/compose.yaml', () => {
  interface Service {
    readonly build?: string;
    readonly image?: string;
    readonly command?: readonly string[];
    readonly environment?: Readonly<Record<string, string | null>>;
    readonly ports?: readonly string[];
    readonly depends_on?: readonly string[];
  }
  const compose: { name: string; services: Record<string, Service> } = parse(read('deploy/compose.yaml'), {
    strict: true,
    uniqueKeys: true,
  });
  const services = Object.entries(compose.services);

  it('has only keys of the Compose specification', () => {
    const known = 'build image command init read_only environment profiles depends_on ports restart stop_grace_period';
    expect(Object.keys(compose)).toEqual(['name', 'services']);
    for (const [name, service] of services) {
      expect(known.split(' '), name).toEqual(expect.arrayContaining(Object.keys(service)));
      expect(service.build ?? service.image, name).toBeTypeOf('string');
      for (const other of service.depends_on ?? []) expect(Object.keys(compose.services)).toContain(other);
    }
  });

  it('runs what the Dockerfile contains, on the port that it exposes, published on loopback only', () => {
    const dockerfile = read('Dockerfile');
    const built = services.filter(([, { build }]) => build !== undefined);
    expect(built.map(([name]) => name)).toEqual(['sandbox', 'gateway']);
    for (const [, { build = '', command, ports = [] }] of built) {
      expect(existsSync(join(root, 'deploy', build, 'Dockerfile'))).toBe(true);
      if (command) expect(existsSync(join(root, command[1] ?? ''))).toBe(true);
      const [, exposed] = /^EXPOSE (\d+)$/m.exec(dockerfile) ?? [];
      for (const port of ports) expect(port).toMatch(new RegExp(`^127\\.0\\.0\\.1:\\d+:${exposed}$`));
    }
  });

  it('sets only variables that the gateway reads, to values that it accepts', () => {
    const names = new Set<unknown>();
    readConfig(new Proxy({}, { get: (_env, name) => void names.add(name) }));
    const { environment = {} } = compose.services['gateway'] ?? {};
    expect([...names]).toEqual(expect.arrayContaining(Object.keys(environment)));
    const given = Object.entries(environment).map(([name, value]): [string, string] => [name, value ?? 'of-the-shell']);
    expect(readConfig({ HOST: '0.0.0.0', ...Object.fromEntries(given) }).redisUrl).toBe('redis://redis:6379');
  });
});

it('runs the client of docs/typescript-client.md, which has types and at most ten lines', async () => {
  const [, program = ''] = /```ts\n([\s\S]*?)```/.exec(read('docs/typescript-client.md')) ?? [];
  expect(program.trim().split('\n').length).toBeLessThanOrEqual(10);
  await using gateway = await startTestGateway();
  const folder = mkdtempSync(join(tmpdir(), 'client-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'message.ts');
  const run = promisify(execFile);
  writeFileSync(file, `${program.replace('http://127.0.0.1:4000/graphql', gateway.url)}export {};\n`);
  expect((await run(process.execPath, [file])).stdout).toBe('Hello, how are you?\n');
  const options = '--noEmit --strict --module esnext --target esnext --lib esnext,dom'.split(' ');
  await run(join(root, 'node_modules/.bin/tsc'), [...options, file], { cwd: folder });
});

describe('hosted CI', () => {
  const workflow = (name: string) => parse(read(`.github/workflows/${name}.yml`));
  const runsOf = (job: { steps: { run?: string }[] }) => job.steps.map(({ run }) => run);

  it('runs .ci/run on Linux and macOS, on the oldest supported Node and on the pinned one', () => {
    const { jobs } = workflow('ci');
    const oldest = manifest.engines.node.replace(/^>=([\d.]+)$/, '$1.0');
    expect(Object.keys(jobs)).toEqual(['linux', 'macos']);
    for (const job of [jobs.linux, jobs.macos]) {
      const { include }: { include: { node: string; workspaces: string }[] } = job.strategy.matrix;
      expect(include).toEqual([
        { node: oldest, workspaces: 'false' },
        { node: pinned.version, workspaces: '' },
      ]);
      expect(runsOf(job)).toContain('.ci/run');
    }
  });

  it('publishes with provenance, after .ci/run', () => {
    const { publish } = workflow('release').jobs;
    expect(publish.permissions).toEqual({ contents: 'read', 'id-token': 'write' });
    expect(runsOf(publish).slice(-2)).toEqual(['.ci/run', 'npm publish --provenance --access public']);
    expect(JSON.stringify(publish.steps)).toContain(`"node-version":"${pinned.version}"`);
  });
});
