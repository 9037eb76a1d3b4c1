import { type ChildProcessWithoutNullStreams, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { buildSchema, graphql } from 'graphql';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { startUpstream, type Upstream } from './support/upstream.ts';

const repository = resolve(import.meta.dirname, '..');
const run = promisify(execFile);

/** A project that has installed what `npm pack` makes. Dependencies are linked: no registry is asked. */
const project = mkdtempSync(join(tmpdir(), 'linq-graphql-gateway-'));
const installed = join(project, 'node_modules/linq-graphql-gateway');
afterAll(() => rmSync(project, { recursive: true }));

/** All whose types a project may need that imports the package: no server, no log, no metrics. */
const typed = [
  'graphql',
  'undici',
  'dataloader',
  '@graphql-tools/utils',
  '@graphql-tools/stitching-directives',
  '@pothos/core',
  '@pothos/plugin-directives',
  '@types/node',
];

/** From here on, what npm would have installed as well. */
function linkDependencies(): void {
  for (const name of Object.keys(manifest().dependencies)) link(name);
}

const manifest = () => JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));

function link(name: string): void {
  const place = join(project, 'node_modules', name);
  if (existsSync(place)) return;
  mkdirSync(dirname(place), { recursive: true });
  symlinkSync(join(repository, 'node_modules', name), place, 'junction');
}

/** A program of the project, with Linq at this origin; the answer is what it writes. */
async function runProgram(name: string, origin: string): Promise<string> {
  linkDependencies();
  const env = { PATH: process.env['PATH'], LINQ_API_URL: origin, LINQ_INTEGRATION_TOKEN: 'the-process' };
  return (await run(process.execPath, [name], { cwd: project, env })).stdout;
}

/** The first group of what a program has written, as soon as it has. */
async function written({ stdout }: ChildProcessWithoutNullStreams, pattern: RegExp): Promise<string> {
  let text = '';
  for await (const chunk of stdout.iterator({ destroyOnReturn: false })) {
    text += chunk;
    const found = pattern.exec(text)?.[1];
    if (found !== undefined) return found;
  }
  throw new Error(`It ended and wrote only: ${text}`);
}

beforeAll(async () => {
  const env = { ...process.env, npm_config_offline: 'true', npm_config_update_notifier: 'false' };
  mkdirSync(join(repository, 'dist/since-renamed'), { recursive: true });
  writeFileSync(join(repository, 'dist/since-renamed/file.js'), '');
  await run('npm', ['run', 'build'], { cwd: repository, env });
  await run('npm', ['pack', '--ignore-scripts', '--pack-destination', project], { cwd: repository, env });
  const [tarball = ''] = globSync('*.tgz', { cwd: project });
  mkdirSync(installed, { recursive: true });
  await run('tar', ['-xzf', tarball, '-C', installed, '--strip-components=1'], { cwd: project });
  for (const name of typed) link(name);
  writeFileSync(join(project, 'package.json'), '{ "type": "module" }');
  writeFileSync(join(project, 'example.ts'), example);
  writeFileSync(join(project, 'program.ts'), program);
  writeFileSync(join(project, 'program.cjs'), required(example));
}, 60_000);

it('contains only the build of each source file, the files of GraphiQL and the documentation', async () => {
  const page = globSync('dist/graphiql-assets/**/*.*', { cwd: repository }); // where they are made beforehand
  const built = globSync('**/!(*.d).ts', { cwd: join(repository, 'src') }).flatMap((file) =>
    ['.js', '.d.ts'].map((ending) => join('dist', file.replace(/\.ts$/, ending))),
  );
  const files = readdirSync(installed, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(installed.length + 1));
  const shipped = ['docs', 'deploy', 'examples', 'src/schema/*.graphql', 'bench/README.md', 'bench/results.svg'];
  const read = ['Dockerfile', 'CHANGELOG.md', 'CONTRIBUTING.md', 'LICENSE', 'README.md', 'SECURITY.md'];
  const { stdout: committed } = await run(
    'git',
    ['ls-files', '--cached', '--others', '--exclude-standard', '--', ...shipped],
    { cwd: repository },
  );
  const shown = committed.split('\n').filter((file) => file !== '' && !/package-lock\.json$|\.gitignore$/.test(file));
  expect(files.toSorted()).toEqual(['package.json', ...shown, ...read, ...built, ...page].toSorted());
});

it('links only to files that it contains', () => {
  const pages = globSync('**/*.md', { cwd: installed });
  const links = pages.flatMap((page) =>
    [...readFileSync(join(installed, page), 'utf8').matchAll(/(?:\]\(|(?:src|href)=")(?![a-z]+:|#)([^)"\s#]+)/g)].map(
      ([, path = '']) => ({ page, path, target: join(installed, dirname(page), path) }),
    ),
  );
  expect(pages).toEqual(expect.arrayContaining(['README.md', 'docs/frontend.md', 'examples/README.md']));
  expect(links.length).toBeGreaterThan(50);
  const broken = links.filter(({ target }) => !target.startsWith(installed) || !existsSync(target));
  expect(broken.map(({ page, path }) => `${page}: ${path}`)).toEqual([]);
});

it('has types that reject wrong options, without the types of its server', { timeout: 120_000 }, async () => {
  expect(await compile(false)).toBe('');
});

it('exports the texts of the schema as the gateway prints them', async () => {
  linkDependencies();
  const gateway = await import(pathToFileURL(join(installed, manifest().exports['.'].default)).href);
  const { data } = await graphql({ schema: gateway.schema, source: '{ _sdl _service { sdl } }' });
  const { resolve } = createRequire(join(project, 'program.ts'));
  const read = (name: string) => readFileSync(resolve(`linq-graphql-gateway/${name}.graphql`), 'utf8');
  expect({ _sdl: read('stitching'), _service: { sdl: read('federation') } }).toEqual({ ...data });
  expect(buildSchema(read('schema')).getQueryType()?.getFields()).toHaveProperty('_entities');
});

it('installs neither a second graphql nor a Node', () => {
  const { peerDependencies, dependencies, optionalDependencies } = manifest();
  expect(peerDependencies).toEqual({ graphql: '^17.1.0' });
  expect(Object.keys({ ...dependencies, ...optionalDependencies })).not.toContainEqual(
    expect.stringMatching(/^(graphql|node-.*)$/),
  );
});

/** Linq as far as the programs below need it: message 224, and nothing for anybody who asks for another. */
const startLinq = (): Promise<Upstream> =>
  startUpstream((response, _request, id) => {
    response.statusCode = id === '224' ? 200 : 401;
    response.end('{"data":{"id":224,"text":"Hello"}}');
  });

const [, inOneProcess = ''] = readFileSync(join(repository, 'docs/larger-graph.md'), 'utf8').split(
  '## In one process\n',
);
const [example = '', stitching = ''] = [...inOneProcess.matchAll(/```ts\n(.*?)```/gs)].map(([, source = '']) => source);

const program = `
import { GraphQLError, graphql } from 'graphql';
import { type ContextFactoryOptions, type ContextOptions, createContextFactory, createGateway, type GatewayOptions, schema, subschema } from 'linq-graphql-gateway';

const options: ContextFactoryOptions = { origin: process.env['LINQ_API_URL'], timeoutMs: 5_000, log: new console.Console(process.stderr) };
const caller: ContextOptions = { token: 'mine', signal: new AbortController().signal, chats: ['1'] };
const linq = createContextFactory(options);
// @ts-expect-error: a number of milliseconds
const wrong: ContextFactoryOptions = { timeoutMs: '5000' };
// @ts-expect-error: a misspelt option
const misspelt = () => linq.createContext({ chat: ['1'] });
// @ts-expect-error: not to be made by hand
const forged: ReturnType<typeof linq.createContext> = {};

const source = \`{
  chatMessage(chatId: 1, id: 224) { text }
  chatMessagesByKeys(keys: [{ chatId: 1, id: 224 }, { chatId: 1, id: 0 }, { chatId: 1, id: 224 }, { chatId: 1, id: 5 }]) { id }
}\`;
const { data, errors } = await graphql({ schema: subschema, source, contextValue: { ...linq.createContext(caller) } });
const codes = errors?.map(({ extensions, originalError }) => [extensions['code'], originalError instanceof GraphQLError]);
const given: GatewayOptions = { ...options, apiKeys: ['key'] };
// @ts-expect-error: an array
const text: GatewayOptions = { apiKeys: 'key' };
const gateway = createGateway(given);
const refused = await gateway.fetch(new Request('http://localhost/graphql', { method: 'POST', body: '{}' }));
await gateway.close();
console.log(JSON.stringify({ status: refused.status, data, codes, fields: Object.keys(schema.getQueryType()!.getFields()).length }));
await linq.close();
`;

/** The example in CommonJS. */
const required = (source: string) =>
  source
    .replaceAll(/^import (.*) from (.*);$/gm, 'const $1 = require($2);')
    .replace(/^const result.*/ms, (rest) => `(async () => {${rest}})();`);

/** What the compiler has to say of the project. */
async function compile(skipLibCheck: boolean): Promise<string> {
  const options = { noEmit: true, strict: true, module: 'nodenext', target: 'es2022', types: ['node'], skipLibCheck };
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions: options }));
  const compiler = join(repository, 'node_modules/typescript/bin/tsc');
  const { stdout } = await run(process.execPath, [compiler], { cwd: project }).catch((failure) => failure);
  return stdout;
}

it('runs the example of docs/larger-graph.md', async () => {
  await using linq = await startLinq();
  expect(JSON.parse(await runProgram('example.ts', linq.origin))).toEqual({ data: { chatMessage: { text: 'Hello' } } });
  expect(linq.paths).toEqual(['/api/partner/v2/chats/1/chat_messages/224']);
});

it('reads a message that is listed three times once, and fails with the errors of the gateway', async () => {
  await using linq = await startLinq();
  expect(JSON.parse(await runProgram('program.ts', linq.origin))).toEqual({
    data: { chatMessage: { text: 'Hello' }, chatMessagesByKeys: [{ id: '224' }, null, { id: '224' }, null] },
    codes: [
      ['BAD_USER_INPUT', true],
      ['UNAUTHENTICATED', true],
    ],
    fields: 7,
    status: 401,
  });
  expect(linq.paths.map((path) => path.split('/').at(-1))).toEqual(['224', '5']);
});

it('can be loaded with require, with the graphql of its user', async () => {
  await using linq = await startLinq();
  expect(JSON.parse(await runProgram('program.cjs', linq.origin))).toEqual({
    data: { chatMessage: { text: 'Hello' } },
  });
});

it('runs the stitched graph of docs/larger-graph.md, with the token of its caller', async () => {
  await using linq = await startLinq();
  linkDependencies();
  link('@graphql-tools/stitch');
  const free = `${stitching.replace('4002', '0')}server.on('listening', () => console.log(server.address()));`;
  writeFileSync(join(project, 'stitching.ts'), free);
  expect(await compile(true)).toBe('');
  const graph = spawn(process.execPath, ['stitching.ts'], {
    cwd: project,
    env: { PATH: process.env['PATH'], LINQ_API_URL: linq.origin },
  });
  onTestFinished(() => void graph.kill());
  const url = `http://127.0.0.1:${await written(graph, /port: (\d+)/)}/graphql`;
  const ask = async (headers: Record<string, string>) => {
    const body = JSON.stringify({ query: '{ tickets { message { text } } chatMessage(chatId: 1, id: 224) { text } }' });
    return (
      await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body })
    ).json();
  };
  const hello = { text: 'Hello' };
  expect(await ask({ 'x-linq-integration-token': 'mine' })).toEqual({
    data: { tickets: [{ message: hello }], chatMessage: hello },
  });
  expect(await ask({})).toMatchObject({
    data: { tickets: [{ message: { text: null } }], chatMessage: null },
    errors: [
      { path: ['chatMessage'], extensions: { code: 'UNAUTHENTICATED' } },
      { path: ['tickets', 0, 'message', 'text'], extensions: { code: 'UNAUTHENTICATED' } },
    ],
  });
  expect(linq.paths).toHaveLength(1);
  graph.kill();
  await once(graph, 'close');
});

it('prints the SDL', async () => {
  const program = join(installed, manifest().bin['linq-graphql-gateway']);
  const { stdout } = await run(process.execPath, [program, 'schema', '--federation']);
  expect(stdout).toBe(readFileSync(join(repository, 'src/schema/federation.graphql'), 'utf8'));
});

it('runs the server', async () => {
  linkDependencies();
  const program = join(installed, manifest().bin['linq-graphql-gateway']);
  expect(readFileSync(program, 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/);
  const server = spawn(process.execPath, [program, 'sandbox'], {
    cwd: project,
    env: { PATH: process.env['PATH'], PORT: '0' },
  });
  onTestFinished(() => void server.kill());
  const url = await written(server, /(http:\S+).*Paste/s);
  const answer = await fetch(`${url}?query=${encodeURIComponent('{ chatMessage(chatId: 1, id: 224) { id } }')}`);
  expect(await answer.json()).toEqual({ data: { chatMessage: { id: '224' } } });
  server.kill();
  await once(server, 'close');
});

it('is installed without warnings about the Node that runs npm, since npm scripts run on the pinned one', async () => {
  const node20 = "Object.defineProperty(process, 'version', { value: 'v20.17.0' })";
  const env = { ...process.env, NODE_OPTIONS: `--import "data:text/javascript,${encodeURIComponent(node20)}"` };
  const install = async (...options: string[]): Promise<string> =>
    (await run('npm', ['ci', '--dry-run', '--offline', '--ignore-scripts', ...options], { cwd: repository, env }))
      .stderr;
  const [asTyped, withWarnings] = await Promise.all([install(), install('--loglevel=warn')]);

  expect(withWarnings).toContain('EBADENGINE');
  expect(asTyped).toBe('');
});
