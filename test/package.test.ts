import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startUpstream, type Upstream } from './support/upstream.ts';

const repository = resolve(import.meta.dirname, '..');
const run = promisify(execFile);

/** A project that has installed what `npm pack` makes. Dependencies are linked: no registry is asked. */
const project = mkdtempSync(join(tmpdir(), 'linq-graphql-gateway-'));
const installed = join(project, 'node_modules/linq-graphql-gateway');
afterAll(() => rmSync(project, { recursive: true }));

/** All that who imports the package may need of its dependencies: no server, no log, no metrics. */
const linked = [
  'graphql',
  'undici',
  'dataloader',
  '@graphql-tools/utils',
  '@graphql-tools/stitching-directives',
  '@pothos/core',
  '@pothos/plugin-directives',
  '@types/node',
];

const manifest = () => JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));

function link(name: string): void {
  mkdirSync(dirname(join(project, 'node_modules', name)), { recursive: true });
  symlinkSync(join(repository, 'node_modules', name), join(project, 'node_modules', name), 'junction');
}

/** A program of the project, with Linq at this origin; the answer is what it writes. */
async function runProgram(name: string, origin: string): Promise<string> {
  const env = { PATH: process.env['PATH'], LINQ_API_URL: origin, LINQ_INTEGRATION_TOKEN: 'the-process' };
  return (await run(process.execPath, [name], { cwd: project, env })).stdout;
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
  for (const name of linked) link(name);
  writeFileSync(join(project, 'package.json'), '{ "type": "module" }');
  writeFileSync(join(project, 'example.ts'), example);
  writeFileSync(join(project, 'program.ts'), program);
  writeFileSync(join(project, 'program.cjs'), required(example));
}, 60_000);

it('holds what was built from each source file, the files of GraphiQL, what to read, and nothing else', () => {
  const page = globSync('dist/graphiql/**/*.*', { cwd: repository }); // where they are made beforehand
  const built = globSync('**/*.ts', { cwd: join(repository, 'src') }).flatMap((file) =>
    ['.js', '.d.ts'].map((ending) => join('dist', file.replace(/\.ts$/, ending))),
  );
  const files = readdirSync(installed, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(installed.length + 1));
  const read = [...globSync('docs/*.md', { cwd: repository }), 'CHANGELOG.md', 'LICENSE', 'README.md', 'SECURITY.md'];
  expect(files.toSorted()).toEqual(
    ['package.json', 'src/schema/schema.graphql', 'docs/graphiql.png', ...read, ...built, ...page].toSorted(),
  );
});

it('installs neither a graphql beside that of its user, nor a Node', () => {
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

const example =
  /## In one process\n.*?```ts\n(.*?)```/s.exec(readFileSync(join(repository, 'docs/larger-graph.md'), 'utf8'))?.[1] ??
  '';

const program = `
import { GraphQLError, graphql } from 'graphql';
import { type ContextFactoryOptions, type ContextOptions, createContextFactory, schema, subschema } from 'linq-graphql-gateway';

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
console.log(JSON.stringify({ data, codes, fields: Object.keys(schema.getQueryType()!.getFields()).length }));
await linq.close();
`;

/** The example in CommonJS. */
const required = (source: string) =>
  source
    .replaceAll(/^import (.*) from (.*);$/gm, 'const $1 = require($2);')
    .replace(/^const answer.*/ms, (rest) => `(async () => {${rest}})();`);

it('has types, without a need for those of its server, that catch what is wrong', async () => {
  const compilerOptions = { noEmit: true, strict: true, module: 'nodenext', target: 'es2022', types: ['node'] };
  writeFileSync(
    join(project, 'tsconfig.json'),
    JSON.stringify({ compilerOptions: { ...compilerOptions, skipLibCheck: false } }),
  );
  const compiler = join(repository, 'node_modules/typescript/bin/tsc');
  const { stdout } = await run(process.execPath, [compiler], { cwd: project }).catch((failure) => failure);
  expect(stdout).toBe('');
});

it('runs the example of docs/larger-graph.md', async () => {
  await using linq = await startLinq();
  expect(JSON.parse(await runProgram('example.ts', linq.origin))).toEqual({ data: { chatMessage: { text: 'Hello' } } });
  expect(linq.paths).toEqual(['/api/partner/v2/chats/1/chat_messages/224']);
});

it('reads a message once that is listed three times, and fails with the errors of the gateway', async () => {
  await using linq = await startLinq();
  expect(JSON.parse(await runProgram('program.ts', linq.origin))).toEqual({
    data: { chatMessage: { text: 'Hello' }, chatMessagesByKeys: [{ id: '224' }, null, { id: '224' }, null] },
    codes: [
      ['BAD_USER_INPUT', true],
      ['UNAUTHENTICATED', true],
    ],
    fields: 5,
  });
  expect(linq.paths.map((path) => path.split('/').at(-1))).toEqual(['224', '5']);
});

it('can be required, with the graphql that its user requires', async () => {
  await using linq = await startLinq();
  expect(JSON.parse(await runProgram('program.cjs', linq.origin))).toEqual({
    data: { chatMessage: { text: 'Hello' } },
  });
});

it('runs the server', async () => {
  for (const name of Object.keys(manifest().dependencies)) if (!linked.includes(name)) link(name);
  const program = join(installed, manifest().bin['linq-graphql-gateway']);
  expect(readFileSync(program, 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/);
  const server = spawn(process.execPath, [program, '--sandbox'], {
    cwd: project,
    env: { PATH: process.env['PATH'], PORT: '0' },
  });
  let text = '';
  for await (const chunk of server.stdout.iterator({ destroyOnReturn: false })) {
    text += chunk;
    if (text.includes('Paste')) break;
  }
  const url = /http:\S+/.exec(text)?.[0];
  const answer = await fetch(`${url}?query=${encodeURIComponent('{ chatMessage(chatId: 1, id: 224) { id } }')}`);
  expect(await answer.json()).toEqual({ data: { chatMessage: { id: '224' } } });
  server.kill();
  await once(server, 'close');
});
